/**
 * What is typed is kept on this device, and brought back when the form is opened anew: 14 days, until it is sent.
 *
 * A form that is kept says so by `data-autosave="SERVICE"`. One that was opened from a draft of the hall has
 * `data-saved="INSTANT"`: whichever of the two is newer counts.
 */

import { button, element, focus } from "../common/elements.js";
import { CutOff } from "../common/network.js";
import { moment, say } from "../common/texts.js";
import { NotTheForm, fieldsOf, renew } from "./round-trip.js";

const PREFIX = "doorstep.form.";
const LIFE = 14 * 24 * 3600 * 1000; // milliseconds
const AFTER = 400; // milliseconds without a key pressed
const SECRET = "input[type=password], input[autocomplete=one-time-code]";

/** @typedef {{ at: number, fields: import("./round-trip.js").Fields }} Kept */

/** @param {HTMLFormElement} form */
function service(form) {
  return form.dataset.autosave || "";
}

/**
 * Keep what is typed from now on.
 * @param {HTMLFormElement} form
 */
export function keepTyped(form) {
  if (!service(form)) {
    return;
  }
  const line = element("p", { class: "hall-kept" }, stored() ? "" : say("kept.none"));
  form.prepend(line);
  const kept = load(form);
  kept && value(kept.fields, "_key") === keyOf(form) && tell(line, kept.at);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const keep = () => {
    clearTimeout(timer);
    timer = undefined;
    form.isConnected && save(form) && tell(line, Date.now());
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(keep, AFTER);
  };
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  form.addEventListener("submit", keep);
  addEventListener("pagehide", () => timer && keep());
}

/**
 * Bring back what was typed before, if this page does not have it already; gives the form that is there then.
 * @param {HTMLFormElement} form
 * @returns {Promise<HTMLFormElement>}
 */
export async function bringBack(form) {
  const kept = service(form) ? load(form) : undefined;
  const known = session(form);
  session(form, keyOf(form));
  if (!kept || !newer(form, kept, known)) {
    return form;
  }
  try {
    const renewed = await renew(form, kept.fields);
    session(renewed, keyOf(renewed));
    notice(renewed, kept);
    return renewed;
  } catch (trouble) {
    if (!(trouble instanceof CutOff || trouble instanceof NotTheForm)) {
      throw trouble;
    }
    notice(form, kept, true);
    return form;
  }
}

/**
 * Erase what is kept of a form: it was sent, or its owner wants it so.
 * @param {HTMLFormElement} form
 */
export function forget(form) {
  erase(service(form));
}

/**
 * Erase what this device keeps of a service's form.
 * @param {string} name the service's
 */
export function erase(name) {
  quietly(() => localStorage.removeItem(PREFIX + name));
}

/** Erase what is older than it may be, of whatever form. */
export function forgetOld() {
  quietly(() =>
    Object.keys(localStorage)
      .filter(name => name.indexOf(PREFIX) === 0 && !fresh(parsed(localStorage.getItem(name))))
      .forEach(name => localStorage.removeItem(name))
  );
}

/**
 * A page that answers a step of this filling shows what was typed; a page opened anew does not, unless from a draft.
 * @param {HTMLFormElement} form
 * @param {Kept} kept
 * @param {string | undefined} known the key of the filling that this tab had open before
 */
function newer(form, kept, known) {
  const [here, there] = [keyOf(form), value(kept.fields, "_key")];
  if (form.dataset.saved) {
    return here === there && kept.at > Date.parse(form.dataset.saved);
  }
  return here !== there && here !== known;
}

/**
 * @param {HTMLFormElement} form
 * @param {Kept} kept
 * @param {boolean} [failed]
 */
function notice(form, kept, failed = false) {
  const time = moment(kept.at);
  const title = element("h2", { class: "govuk-notification-banner__title", id: "kept" }, say("kept.title"));
  const text = element("p", { class: "govuk-body" }, say(failed ? "kept.failed" : "kept.text", { time }));
  const goOn = button(
    say(failed ? "send.again" : "kept.go_on"),
    () => {
      failed ? location.reload() : banner.remove();
      const heading = document.querySelector("h1");
      heading && focus(heading);
    },
    { classes: "govuk-button govuk-button--secondary" }
  );
  const startAgain = button(say("kept.delete"), () => {
    forget(form);
    location.assign(form.getAttribute("action") || "");
  });
  const buttons = element("div", { class: "hall-buttons" }, goOn, startAgain);
  const banner = element(
    "section",
    { class: "govuk-notification-banner", "aria-labelledby": "kept", tabindex: "-1" },
    element("div", { class: "govuk-notification-banner__header" }, title),
    element("div", { class: "govuk-notification-banner__content" }, text, buttons)
  );
  const main = form.closest("main");
  main && main.prepend(banner);
}

/**
 * @param {HTMLElement} line
 * @param {number} at
 */
function tell(line, at) {
  line.textContent = say("kept.line", { time: moment(at) });
}

/** @param {HTMLFormElement} form */
function keyOf(form) {
  return value(fieldsOf(form), "_key");
}

/**
 * @param {import("./round-trip.js").Fields} fields
 * @param {string} name
 */
function value(fields, name) {
  const found = fields.find(field => field[0] === name);
  return found ? found[1] : "";
}

// --- the device's storage, which may be full or forbidden ---

/** @param {HTMLFormElement} form */
function save(form) {
  const secret = Array.from(form.querySelectorAll(SECRET), control => control.getAttribute("name"));
  const fields = fieldsOf(form).filter(([name]) => secret.indexOf(name) < 0);
  return quietly(() => {
    localStorage.setItem(PREFIX + service(form), JSON.stringify({ at: Date.now(), fields }));
    return true;
  });
}

/** @param {HTMLFormElement} form */
function load(form) {
  const kept = quietly(() => parsed(localStorage.getItem(PREFIX + service(form))));
  return fresh(kept) ? kept : undefined;
}

/**
 * The filling that this tab has open; set when given.
 * @param {HTMLFormElement} form
 * @param {string} [key]
 */
function session(form, key) {
  const name = PREFIX + service(form);
  const before = quietly(() => sessionStorage.getItem(name) || undefined);
  key && quietly(() => sessionStorage.setItem(name, key));
  return before;
}

/**
 * @param {string | null} text
 * @returns {Kept | undefined}
 */
function parsed(text) {
  try {
    const kept = JSON.parse(text || "null");
    return kept && typeof kept.at === "number" && Array.isArray(kept.fields) ? kept : undefined;
  } catch (trouble) {
    return undefined; // of another program
  }
}

/**
 * @param {Kept | undefined} kept
 * @returns {kept is Kept}
 */
function fresh(kept) {
  return !!kept && Date.now() - kept.at < LIFE;
}

function stored() {
  return quietly(() => {
    localStorage.setItem(PREFIX, "");
    localStorage.removeItem(PREFIX);
    return true;
  });
}

/**
 * @template T
 * @param {() => T} act
 * @returns {T | undefined}
 */
function quietly(act) {
  try {
    return act();
  } catch (trouble) {
    return undefined;
  }
}
