/** The form's own round trip without leaving the page: what the hall answers takes the form's place. */

import { call } from "../common/network.js";

/** The hall answered with something else than the form. */
export class NotTheForm extends Error {}

/** @typedef {[string, string][]} Fields */

/**
 * What a form would send, by the button pressed.
 * @param {HTMLFormElement} form
 * @param {HTMLButtonElement} [pressed]
 * @returns {Fields}
 */
export function fieldsOf(form, pressed) {
  /** @type {Fields} */
  const fields = [];
  new FormData(form).forEach((value, name) => typeof value === "string" && fields.push([name, value]));
  pressed && pressed.name && fields.push([pressed.name, pressed.value]);
  return fields;
}

/**
 * Post fields to the form's address.
 * @param {HTMLFormElement} form
 * @param {Fields} fields
 */
export function post(form, fields) {
  const body = new URLSearchParams(fields);
  return call(form.getAttribute("action") || "", { method: "POST", body });
}

/**
 * Put the hall's answer in the page's place; gives the new form. Files on their way are not disturbed.
 * CutOff, or NotTheForm: then nothing has changed.
 * @param {HTMLFormElement} form
 * @param {Fields} fields
 */
export async function renew(form, fields) {
  const answer = await post(form, fields);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const [now, next] = [document.querySelector("main"), page.querySelector("main")];
  const renewed = page.querySelector("form#form");
  if (!answer.ok || !now || !next || !(renewed instanceof HTMLFormElement)) {
    throw new NotTheForm(String(answer.status));
  }
  form.querySelectorAll("[data-upload]").forEach(old => {
    const place = renewed.querySelector(`[data-upload="${CSS.escape(old.getAttribute("data-upload") || "")}"]`);
    place && old.hasAttribute("data-taking") && old.querySelector("[data-state]") && place.replaceWith(old);
  });
  document.title = page.title;
  now.replaceWith(next);
  return renewed;
}
