/** How far the form is filled in, told while it is: as chalicelib/web/sections.py counts. */

import { filled } from "./reading.js";

const QUESTIONS =
  "[data-kind=branches], [data-kind=question]:not([data-reads=choices]):not([data-null]):not([hidden])";

/**
 * Keep the list of contents and the line below it up to date.
 * @param {HTMLFormElement} form
 */
export function count(form) {
  const line = document.querySelector("#progress [data-line]");
  const bar = document.getElementById("progress-bar");
  if (!(line instanceof HTMLElement) || !(bar instanceof HTMLProgressElement)) {
    return;
  }
  const update = () => {
    /** @type {NodeListOf<HTMLElement>} */
    const sections = document.querySelectorAll("[data-section]");
    const done = Array.from(sections).filter(section => mark(section, complete(form, section))).length;
    bar.value = done;
    line.textContent = (line.dataset.line || "").replace("{done}", String(done));
  };
  form.addEventListener("input", update);
  form.addEventListener("change", update);
  update();
}

/**
 * @param {HTMLElement} section
 * @param {boolean} done
 */
function mark(section, done) {
  const word = /** @type {HTMLElement} */ (section.querySelector(".hall-done"));
  word.hidden = !done;
  return done;
}

/**
 * @param {HTMLFormElement} form
 * @param {HTMLElement} section
 */
function complete(form, section) {
  const places = JSON.parse(section.dataset.section || "[]");
  const questions = needed(form, QUESTIONS).filter(one => {
    const part = one.dataset.part || "";
    return places.some((/** @type {string} */ place) => part === place || part.startsWith(`${place}/`));
  });
  const documents = section.dataset.documents === undefined ? [] : needed(form, "[data-upload]");
  return questions.every(answered) && documents.every(one => one.querySelector('input[name^="_uploads/"]') !== null);
}

/**
 * What has to be there: in what may be left out, nothing has to be.
 * @param {HTMLElement} root
 * @param {string} what
 */
function needed(root, what) {
  /** @type {HTMLElement[]} */
  const found = Array.from(root.querySelectorAll(what));
  return found.filter(one => one.matches("[data-required]") && !one.parentElement?.closest("[data-part]:not([data-required])"));
}

/** @param {HTMLElement} question */
function answered(question) {
  const parts = question.dataset.reads === "date" ? Array.from(question.querySelectorAll("input")) : [];
  return parts.length ? parts.every(part => part.value.trim()) : filled(question);
}
