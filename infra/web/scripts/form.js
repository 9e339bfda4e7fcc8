/** The form: its conditions, files, and what is typed, kept safe on the way to the hall. Without it, all works as well. */

import { Button } from "govuk-frontend/dist/govuk/components/button/button.mjs";
import { ErrorSummary } from "govuk-frontend/dist/govuk/components/error-summary/error-summary.mjs";
import { start } from "./common/components.js";
import { focus } from "./common/elements.js";
import { CutOff } from "./common/network.js";
import { learn, say } from "./common/texts.js";
import { bringBack, forgetOld, keepTyped } from "./form/autosave.js";
import { ask } from "./form/conditionals.js";
import { count } from "./form/progress.js";
import { NotTheForm, fieldsOf, renew } from "./form/round-trip.js";
import { sendOff, warn } from "./form/sending.js";
import { askToWait, takeFiles, underway } from "./form/uploads.js";

const STEPS = ["_add", "_remove", "_open"]; // that come back to the form at once

/** @type {HTMLButtonElement | undefined} the button pressed last, for browsers that don't tell */
let pressedLast;
let busy = false;

/** @param {HTMLFormElement} form */
function begin(form) {
  start(Button, ErrorSummary);
  takeFiles(form);
  keepTyped(form);
  form.addEventListener("submit", event => submitted(form, event));
  form.dataset.begun = "";
  ask(form);
  count(form);
}

/**
 * @param {HTMLFormElement} form
 * @param {SubmitEvent} event
 */
async function submitted(form, event) {
  const pressed = /** @type {HTMLButtonElement | undefined} */ (event.submitter || pressedLast);
  const name = pressed ? pressed.name : "";
  const waiting = underway(form);
  if (busy) {
    event.preventDefault();
  } else if (pressed && STEPS.indexOf(name) >= 0) {
    event.preventDefault();
    await alone(() => step(form, pressed));
  } else if (waiting) {
    event.preventDefault();
    askToWait(waiting);
  } else if (pressed && name === "_send") {
    event.preventDefault();
    await alone(() => sendOff(form, pressed));
  } else if (!navigator.onLine) {
    event.preventDefault();
    warn(form, say("send.cut"), () => form.requestSubmit(pressed));
  } else {
    busy = true;
  }
}

/**
 * One thing at a time.
 * @param {() => Promise<void>} act
 */
async function alone(act) {
  busy = true;
  try {
    await act();
  } finally {
    busy = false;
  }
}

/**
 * A step that the hall answers with the form; on any trouble the browser takes it the plain way.
 * @param {HTMLFormElement} form
 * @param {HTMLButtonElement} pressed
 */
async function step(form, pressed) {
  try {
    const renewed = await renew(form, fieldsOf(form, pressed));
    begin(renewed);
    arrive(renewed, pressed);
    renewed.dispatchEvent(new Event("change", { bubbles: true }));
  } catch (trouble) {
    if (trouble instanceof CutOff && !trouble.answered) {
      warn(form, say("send.cut"), () => form.requestSubmit(pressed));
    } else if (trouble instanceof CutOff || trouble instanceof NotTheForm) {
      pressed.type = "button"; // not to come here again
      form.append(hidden(pressed));
      HTMLFormElement.prototype.submit.call(form);
    } else {
      throw trouble;
    }
  }
}

/** @param {HTMLButtonElement} pressed */
function hidden({ name, value }) {
  const field = document.createElement("input");
  return Object.assign(field, { type: "hidden", name, value });
}

/**
 * To the item that was added, else to the list that the step was about.
 * @param {HTMLFormElement} form
 * @param {HTMLButtonElement} pressed
 */
function arrive(form, { name, value }) {
  const list = form.querySelector(`[data-part="${CSS.escape(name === "_remove" ? value.replace(/\/[^/]*$/, "") : value)}"]`);
  const items = list ? Array.from(list.querySelectorAll("[data-part]")).filter(part => parentOf(part) === list) : [];
  const target = name === "_remove" || !items.length ? list : items[items.length - 1];
  target instanceof HTMLElement && focus(target);
}

/** @param {Element} part */
function parentOf(part) {
  return part.parentElement && part.parentElement.closest("[data-part]");
}

function open() {
  const form = document.querySelector("form#form");
  learn();
  forgetOld();
  addEventListener("click", event => {
    const button = event.target instanceof Element && event.target.closest("button");
    pressedLast = button || undefined;
  });
  addEventListener("pageshow", () => {
    busy = false;
  });
  if (form instanceof HTMLFormElement) {
    bringBack(form).then(begin);
  }
}

open();
