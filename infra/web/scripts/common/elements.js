/** Elements without markup in strings: what came from a person or a file is never read as HTML. */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} [attributes]
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  Object.keys(attributes).forEach(name => made.setAttribute(name, attributes[name]));
  made.append(...children);
  return made;
}

/**
 * A button that sends nothing.
 * @param {string} text
 * @param {() => void} press
 * @param {{ of?: string, classes?: string }} [more] `of`: what it is about, for those who hear the page
 */
export function button(text, press, { of = "", classes = "hall-change" } = {}) {
  const about = of ? [element("span", { class: "govuk-visually-hidden" }, ` ${of}`)] : [];
  const made = element("button", { type: "button", class: classes }, text, ...about);
  made.addEventListener("click", press);
  return made;
}

/**
 * Move to an element that is not a control.
 * @param {HTMLElement} target
 */
export function focus(target) {
  if (!target.hasAttribute("tabindex")) {
    target.setAttribute("tabindex", "-1");
  }
  target.focus();
}
