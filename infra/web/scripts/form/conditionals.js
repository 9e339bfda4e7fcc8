/**
 * Conditions without a round trip: parts that the answers bring up are shown at once, others wait in templates, where
 * nothing is sent. chalicelib/web/conditions.py says how the page tells all this.
 */

import { element } from "../common/elements.js";
import { say } from "../common/texts.js";
import { judge } from "./asking.js";
import { Levels } from "./levels.js";

const ROUNDS = 30; // what is shown may bring up more
const ALERTED = 1000; // milliseconds: so that a screen reader hears of it after the choice itself

/**
 * Show what is asked, from now on.
 * @param {HTMLFormElement} form
 */
export function ask(form) {
  const rules = document.getElementById("form-rules");
  if (!rules) {
    return;
  }
  const levels = new Levels(JSON.parse(rules.textContent || "{}"));
  const status = element("p", { class: "govuk-visually-hidden", role: "status" });
  form.append(status);
  let busy = false;
  const update = () => {
    if (busy) {
      return; // a control that loses the focus with its part tells of its change once more
    }
    busy = true;
    const shown = settle(form, levels);
    note(form);
    busy = false;
    shown.length && setTimeout(() => announce(status, shown), ALERTED);
  };
  form.addEventListener("input", update);
  form.addEventListener("change", update);
  settle(form, levels);
  note(form);
}

/**
 * Show and hide until the page fits the answers; gives the parts that were brought up.
 * @param {HTMLFormElement} form
 * @param {Levels} levels
 */
function settle(form, levels) {
  /** @type {HTMLElement[]} */
  const shown = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const verdict = judge(form, levels);
    const changed = verdict ? apply(verdict) : [];
    if (!changed.length) {
      break;
    }
    shown.push(...changed);
  }
  return shown.filter(part => part.isConnected && !(part instanceof HTMLTemplateElement));
}

/**
 * Gives what has changed its place.
 * @param {import("./asking.js").Verdict} verdict
 */
function apply(verdict) {
  /** @type {HTMLElement[]} */
  const changed = [];
  verdict.forEach(({ asked, required }, part) => {
    if (asked && part instanceof HTMLTemplateElement) {
      changed.push(show(part));
    } else if (!asked && !(part instanceof HTMLTemplateElement)) {
      changed.push(hide(part));
    } else if (asked) {
      part.toggleAttribute("data-required", required);
      tellOptional(part, required);
    }
  });
  return changed;
}

/** @param {HTMLTemplateElement} template */
function show(template) {
  const part = /** @type {HTMLElement} */ (template.content.firstElementChild);
  template.replaceWith(template.content);
  return part;
}

/** @param {HTMLElement} part */
function hide(part) {
  const name = "part" in part.dataset ? "part" : "branch";
  const template = element("template", { [`data-${name}`]: part.dataset[name] || "" });
  part.replaceWith(template);
  template.content.append(part);
  return template;
}

/**
 * @param {HTMLElement} part
 * @param {boolean} required
 */
function tellOptional(part, required) {
  /** @type {NodeListOf<HTMLElement>} */
  const words = part.querySelectorAll("[data-optional]");
  words.forEach(word => {
    word.closest("[data-part]") === part && (word.hidden = required);
  });
}

/**
 * Which questions the page shows, for the server: those that it does not know yet are asked for first.
 * @param {HTMLFormElement} form
 */
function note(form) {
  const asked = form.querySelector("input[name=_asked]");
  if (asked instanceof HTMLInputElement) {
    /** @type {NodeListOf<HTMLElement>} */
    const questions = form.querySelectorAll("[data-part][data-kind=question]");
    asked.value = Array.from(questions, question => encodeURI(question.dataset.part || "")).join(" ");
  }
}

/**
 * @param {HTMLElement} status
 * @param {HTMLElement[]} shown
 */
function announce(status, shown) {
  const titles = shown.map(part => part.querySelector("label, legend"));
  const words = titles.map(title => ((title && title.textContent) || "").trim()).filter(Boolean);
  status.textContent = words.length ? say("parts.shown", { titles: words.join(", ") }) : "";
}

