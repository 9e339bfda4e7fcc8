/** The last step: sent once, and never lost. The form's `_key` makes the hall take the same application once only. */

import { button, element, focus } from "../common/elements.js";
import { CutOff } from "../common/network.js";
import { say } from "../common/texts.js";
import { forget } from "./autosave.js";
import { fieldsOf, post } from "./round-trip.js";

/**
 * Send the form, and follow the hall to the case. Where the network is cut, the page stays as it is.
 * @param {HTMLFormElement} form
 * @param {HTMLButtonElement} pressed
 */
export async function sendOff(form, pressed) {
  const words = pressed.textContent;
  pressed.textContent = say("send.sending");
  pressed.setAttribute("aria-disabled", "true");
  warn(form, "");
  try {
    const answer = await post(form, fieldsOf(form, pressed));
    forget(form);
    answer.redirected ? location.replace(answer.url) : submit(form, pressed);
  } catch (trouble) {
    if (!(trouble instanceof CutOff)) {
      throw trouble;
    }
    pressed.textContent = words;
    pressed.removeAttribute("aria-disabled");
    warn(form, say(trouble.answered ? "send.later" : "send.cut"), () => form.requestSubmit(pressed));
  }
}

/**
 * Say at the end of the form what keeps it from going on; "" for nothing any more.
 * @param {HTMLFormElement} form
 * @param {string} message
 * @param {() => void} [again]
 */
export function warn(form, message, again) {
  form.querySelectorAll(".hall-warning").forEach(old => old.remove());
  if (message) {
    const text = element("p", { class: "govuk-error-message", role: "alert" }, message);
    const buttons = again ? [button(say("send.again"), again, { classes: "govuk-button govuk-button--secondary" })] : [];
    const warning = element("div", { class: "hall-warning", tabindex: "-1" }, text, ...buttons);
    form.append(warning);
    focus(warning);
  }
}

/**
 * What the hall answers is a page of its own: let the browser show it.
 * @param {HTMLFormElement} form
 * @param {HTMLButtonElement} pressed
 */
function submit(form, pressed) {
  form.append(element("input", { type: "hidden", name: pressed.name, value: pressed.value }));
  HTMLFormElement.prototype.submit.call(form);
}
