/** A newer version of the page in the place of the one that is shown: only what differs is touched. */

import { Idiomorph } from "idiomorph";
import { element, focus } from "../common/elements.js";

const SAID = "[data-told]"; // the heading and notices, with what to say of them when they are new
const THANKS = "govuk-notification-banner--success"; // said once; it stays while the page is looked at

const voice = element("p", { class: "govuk-visually-hidden", role: "status" });
document.body.append(voice);

/**
 * Show it, keep the focus where it is, and say what the case has come to.
 * @param {string} html
 */
export function show(html) {
  const newer = new DOMParser().parseFromString(html, "text/html");
  const [here, there] = [document, newer].map(page => page.querySelector("main"));
  if (!here || !there) {
    return;
  }
  const before = told();
  const held = document.activeElement;
  const wasWithin = here.contains(held);
  Idiomorph.morph(here, there.innerHTML, { morphStyle: "innerHTML", callbacks: { beforeNodeRemoved: mayGo } });
  document.title = newer.title;
  if (wasWithin && !(held && held.isConnected)) {
    focus(/** @type {HTMLElement} */ (here.querySelector("h1") || here));
  }
  const news = told().filter(text => !before.includes(text));
  if (news.length) {
    voice.textContent = news.join(" ");
  }
}

/** @param {Node} node */
function mayGo(node) {
  return !(node instanceof Element && node.classList.contains(THANKS));
}

function told() {
  const said = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(SAID));
  return [...said].map(element => element.dataset.told || "");
}
