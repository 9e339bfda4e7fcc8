/** What scripts say, in the page's language: the page brings it as JSON (templates/form_scripts.html). */

/** @type {Record<string, string>} */
let texts = {};

/** The texts of the page, as far as it brings any. */
export function learn() {
  const block = document.getElementById("script-texts");
  texts = block ? JSON.parse(block.textContent || "{}") : {};
}

/**
 * A text with its places filled.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function say(key, values = {}) {
  return (texts[key] || key).replace(/\{(\w+)\}/g, (place, name) => String(name in values ? values[name] : place));
}

/**
 * Day and time as the page's language writes them.
 * @param {number} at milliseconds
 */
export function moment(at) {
  const format = { dateStyle: "medium", timeStyle: "short" };
  return new Date(at).toLocaleString(document.documentElement.lang, /** @type {Intl.DateTimeFormatOptions} */ (format));
}
