/** A question's answer as the server reads it from what is sent (chalicelib/web/answers.py); undefined for none. */

const WIDE = /[０-９．－，]/g; // as Chinese keyboards write numbers
const WHOLE = /^[+-]?[0-9]{1,18}$/;
const DECIMAL = /^[+-]?[0-9]{1,18}(\.[0-9]{1,9})?$/;
const THOUSANDS = /^[+-]?[0-9]{1,3}([, ][0-9]{3})+(\.[0-9]+)?$/;

/** @param {HTMLElement} question */
export function answerOf(question) {
  const { part = "", reads, value = "null", values = "{}" } = question.dataset;
  const given = valuesOf(question, part);
  const text = given.map(each => each.trim()).filter(Boolean).pop() || "";
  /** @type {Record<string, unknown>} */
  const meanings = JSON.parse(values);
  /** @param {string} chosen */
  const meant = chosen => (chosen in meanings ? meanings[chosen] : chosen);
  if (reads === "fixed") {
    return JSON.parse(value);
  }
  if (reads === "choices") {
    const chosen = given.filter(Boolean).map(meant);
    return chosen.length ? chosen : undefined;
  }
  if (reads === "date") {
    return date(question, part) || text || undefined;
  }
  if (!text) {
    return undefined;
  }
  switch (reads) {
    case "choice":
      return meant(given.filter(each => each.trim()).pop() || "");
    case "boolean":
      return text in meanings ? meanings[text] : text === "true" || (text === "false" ? false : text);
    case "window":
      return { start: text.split("/")[0], end: text.split("/").slice(1).join("/") };
    case "integer":
    case "number":
      return number(text, reads === "integer");
    case "json":
      return json(text);
  }
  return text.replace(/\r\n/g, "\n");
}

/**
 * What would be sent under a name, from within an element.
 * @param {HTMLElement} root
 * @param {string} name
 */
export function valuesOf(root, name) {
  return controlsIn(root)
    .filter(control => control.name === name)
    .map(control => control.value);
}

/**
 * Whether anything was entered in it.
 * @param {HTMLElement} root
 */
export function filled(root) {
  return controlsIn(root).some(control => control.value.trim());
}

/**
 * The controls that would be sent.
 * @param {HTMLElement} root
 */
function controlsIn(root) {
  /** @type {NodeListOf<HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement>} */
  const controls = root.querySelectorAll("input[name^='/'], select[name^='/'], textarea[name^='/']");
  return Array.from(controls).filter(control => !("checked" in control && /radio|checkbox/.test(control.type)) || control.checked);
}

/**
 * As ISO 8601 where year, month and day are numbers; else what was entered.
 * @param {HTMLElement} question
 * @param {string} pointer
 */
function date(question, pointer) {
  const given = ["~year", "~month", "~day"].map(each => narrow((valuesOf(question, `${pointer}/${each}`).pop() || "").trim()));
  if (!given.some(Boolean)) {
    return "";
  }
  const numbers = given.every(each => /^[0-9]{1,4}$/.test(each));
  return given.map((each, at) => (numbers && at ? each.replace(/^0+/, "").padStart(2, "0") : each)).join("-");
}

/**
 * @param {string} text
 * @param {boolean} whole
 */
function number(text, whole) {
  const plain = narrow(text);
  const bare = THOUSANDS.test(plain) ? plain.replace(/[, ]/g, "") : plain;
  return WHOLE.test(bare) || (!whole && DECIMAL.test(bare)) ? Number(bare) : text;
}

/** @param {string} text */
function narrow(text) {
  return text.replace(WIDE, wide => String.fromCharCode(wide.charCodeAt(0) - 0xfee0));
}

/** @param {string} text */
function json(text) {
  try {
    return JSON.parse(text);
  } catch (trouble) {
    return text;
  }
}
