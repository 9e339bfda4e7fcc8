/**
 * Files: chosen or photographed, made smaller, sent straight to the store, looked at. For each material the page has
 *
 *     <div data-upload="MATERIAL" data-service="SERVICE" data-accept="application/pdf,image/jpeg" data-max-bytes="10485760"
 *          role="group" aria-labelledby="…">
 *       <ul class="hall-files">
 *         <li class="hall-file" data-file="UPLOAD" data-state="checking"> … <span class="hall-file__state">…</span>
 *           <input type="hidden" name="_uploads/MATERIAL" value="UPLOAD">
 *           <button class="hall-change" name="_drop" value="UPLOAD">…</button></li></ul>
 *       <button name="_files" value="MATERIAL">…</button>
 *     </div>
 *
 * (and `data-version` where a case was opened under an older version of the service).
 *
 * Without scripts `_files` leads to the page that takes a file; here a chooser stands in its place. An item's
 * `data-state` is `checking`, `clean` or `refused`, and here before that `preparing`, `sending`, `offline`, `looking` or
 * `failed`. Only what has passed the look at its content is handed in with the form.
 */

import { CutOff } from "../common/network.js";
import { button, element, focus } from "../common/elements.js";
import { say } from "../common/texts.js";
import { shrink } from "./shrink.js";
import { Refused, insist, look, offer, send } from "./transfer.js";

const ON_ITS_WAY = ["preparing", "sending", "offline", "looking"];

/** One file after the other: two at once would only share the phone's line. */
let line = Promise.resolve();

/** @typedef {{ root: HTMLElement, list: HTMLElement, status: HTMLElement, chooser: HTMLInputElement }} Material */

/**
 * Take files at every material of the form.
 * @param {HTMLFormElement} form
 */
export function takeFiles(form) {
  /** @type {NodeListOf<HTMLElement>} */
  const roots = form.querySelectorAll("[data-upload]:not([data-taking])");
  roots.forEach(open);
}

/**
 * The first file that is still on its way, if any.
 * @param {HTMLFormElement} form
 * @returns {HTMLElement | undefined}
 */
export function underway(form) {
  /** @type {NodeListOf<HTMLElement>} */
  const items = form.querySelectorAll("[data-upload] [data-state]");
  return Array.from(items).find(item => ON_ITS_WAY.indexOf(item.dataset.state || "") >= 0);
}

/**
 * Say at a file that the form has to wait for it.
 * @param {HTMLElement} item
 */
export function askToWait(item) {
  blame(item, say("upload.wait"));
  focus(item);
}

/** @param {HTMLElement} root */
function open(root) {
  const list = root.querySelector("ul") || element("ul", { class: "hall-files" });
  const status = element("p", { class: "govuk-visually-hidden", role: "status" });
  const plain = root.querySelector("button[name=_files]");
  const { label, input } = chooser(root, "choose");
  /** @type {Material} */
  const material = { root, list, status, chooser: input };
  const choices = [label, ...(withCamera(root) ? [chooser(root, "photo").label] : [])];
  const choose = element("div", { class: "hall-choose" }, ...choices);
  plain ? plain.replaceWith(choose) : root.append(choose);
  choose.before(list);
  root.append(status);
  root.dataset.taking = "";
  root.addEventListener("change", event => take(material, event));
  root.addEventListener("click", event => drop(material, event));
  list.querySelectorAll("[data-state=checking]").forEach(item => follow(/** @type {HTMLElement} */ (item)));
}

/**
 * @param {HTMLElement} root
 * @param {"choose" | "photo"} way
 */
function chooser(root, way) {
  const kinds = accepted(root).filter(kind => way === "choose" || /^image\//.test(kind));
  const input = element("input", { type: "file", class: "govuk-visually-hidden", accept: kinds.join(",") });
  way === "photo" ? input.setAttribute("capture", "environment") : (input.multiple = true);
  const named = root.getAttribute("aria-labelledby");
  named && input.setAttribute("aria-describedby", named);
  const label = element("label", { class: "govuk-button govuk-button--secondary" }, say(`upload.${way}`), input);
  return { label, input };
}

/** @param {HTMLElement} root */
function accepted(root) {
  return (root.dataset.accept || "").split(",");
}

/**
 * Where the chooser may not offer the camera by itself.
 * @param {HTMLElement} root
 */
function withCamera(root) {
  return matchMedia("(pointer: coarse)").matches && accepted(root).some(kind => /^image\//.test(kind));
}

/**
 * @param {Material} material
 * @param {Event} event
 */
function take(material, event) {
  const input = event.target;
  if (input instanceof HTMLInputElement && input.type === "file") {
    event.stopPropagation(); // no answer of the form
    Array.from(input.files || []).forEach(file => new Upload(material, file).start());
    input.value = "";
  }
}

/**
 * Take a file out that was handed in.
 * @param {Material} material
 * @param {Event} event
 */
function drop(material, event) {
  const pressed = /** @type {Element} */ (event.target).closest("button[name=_drop]");
  const item = pressed && pressed.closest("li");
  if (item) {
    event.preventDefault();
    leave(material, item);
  }
}

/**
 * @param {Material} material
 * @param {HTMLElement} item
 */
function leave({ root, status, chooser }, item) {
  const name = item.querySelector(".hall-file__name");
  status.textContent = say("upload.removed", { name: name ? name.textContent || "" : "" });
  item.remove();
  chooser.focus();
  changed(root);
}

/** What was handed in is a part of what was filled in. @param {HTMLElement} root */
function changed(root) {
  root.dispatchEvent(new Event("change", { bubbles: true }));
}

/**
 * A file of a page that was opened again while the virus check was running.
 * @param {HTMLElement} item
 */
async function follow(item) {
  try {
    await look(item.dataset.file || "", looked => settle(item, looked), new AbortController().signal);
  } catch (trouble) {
    wonder(trouble); // it stays as it was
  }
}

/**
 * @param {HTMLElement} item
 * @param {import("./transfer.js").Looked} looked
 */
function settle(item, { state, message }) {
  if (state === "checking" || state === "clean") {
    tell(item, state, say(`upload.${state}`));
  } else if (state === "refused") {
    tell(item, state, "");
    blame(item, message);
    item.querySelectorAll("input").forEach(input => input.remove());
  }
}

/**
 * @param {HTMLElement} item
 * @param {string} state
 * @param {string} text
 */
function tell(item, state, text) {
  item.dataset.state = state;
  const line = item.querySelector(".hall-file__state");
  if (line) {
    line.textContent = text;
  }
  item.querySelectorAll("[role=alert]").forEach(alert => alert.remove());
}

/**
 * @param {HTMLElement} item
 * @param {string} message
 */
function blame(item, message) {
  item.querySelectorAll("[role=alert]").forEach(alert => alert.remove());
  const place = item.querySelector(".hall-file__text") || item;
  place.append(element("p", { class: "govuk-error-message", role: "alert" }, message));
}

/** A fault of our own is told in the console; to the applicant, the file could not be sent. @param {unknown} trouble */
function wonder(trouble) {
  trouble instanceof CutOff || trouble instanceof Refused || console.error(trouble);
}

/** A file that was just chosen, and what the page shows of it. */
class Upload {
  /**
   * @param {Material} material
   * @param {File} file
   */
  constructor(material, file) {
    this.material = material;
    this.file = file;
    this.name = file.name;
    this.stopper = new AbortController();
    this.bar = element("progress", { max: "100", value: "0", "aria-label": say("upload.progress", { name: file.name }) });
    this.actions = element("div", { class: "hall-file__actions" });
    this.item = this.shown();
    /** @type {import("./transfer.js").Place | undefined} */
    this.place = undefined;
  }

  shown() {
    const name = element("span", { class: "hall-file__name" }, this.name);
    const state = element("span", { class: "hall-file__state" });
    const text = element("div", { class: "hall-file__text" }, name, state, this.bar);
    const item = element("li", { class: "hall-file" }, text, this.actions);
    if (/^image\//.test(this.file.type)) {
      const picture = element("img", { class: "hall-file__picture", alt: "", src: URL.createObjectURL(this.file) });
      picture.addEventListener("load", () => URL.revokeObjectURL(picture.src));
      picture.addEventListener("error", () => picture.remove());
      item.prepend(picture);
    }
    this.material.list.append(item);
    return item;
  }

  start() {
    this.tell("preparing");
    this.offer("cancel");
    line = line.then(() => this.go());
  }

  async go() {
    try {
      await this.carry();
    } catch (trouble) {
      this.fail(trouble);
    }
  }

  async carry() {
    const { signal } = this.stopper;
    if (signal.aborted) {
      return;
    }
    const { root } = this.material;
    const accept = accepted(root);
    this.file = await shrink(this.file, { accept, largest: Number(root.dataset.maxBytes) || Infinity });
    await insist(() => this.deliver(), () => this.tell("offline"), signal);
    this.tell("looking");
    const { upload } = /** @type {import("./transfer.js").Place} */ (this.place);
    await new Promise((resolve, reject) => {
      const told = /** @param {import("./transfer.js").Looked} looked */ looked => {
        this.arrived(looked);
        looked.state !== "awaited" && resolve(undefined); // the virus check keeps nobody waiting
      };
      look(upload, told, signal).then(resolve, reject);
    });
  }

  /** To its place; to a new one after a cut, since one place takes one whole file. */
  async deliver() {
    const { root } = this.material;
    const { service = "", upload: material = "", version } = root.dataset;
    const { signal } = this.stopper;
    this.tell("sending", { percent: 0 });
    this.place = await offer({ service, material, version }, this.file, signal);
    await send(this.place, this.file, percent => this.progress(percent), signal);
  }

  /** @param {number} percent */
  progress(percent) {
    this.bar.value = percent;
    this.tell("sending", { percent });
  }

  /** @param {import("./transfer.js").Looked} looked */
  arrived(looked) {
    const { item, material } = this;
    if (looked.state === "awaited" || !item.isConnected) {
      return;
    }
    settle(item, looked);
    this.bar.remove();
    this.offer("remove");
    const handedIn = item.querySelector("input");
    if (looked.state !== "refused" && !handedIn) {
      const name = `_uploads/${material.root.dataset.upload}`;
      item.append(element("input", { type: "hidden", name, value: looked.upload }));
      item.dataset.file = looked.upload;
      material.status.textContent = `${this.name}: ${say(`upload.${looked.state}`)}`;
    }
    changed(material.root);
  }

  /** @param {unknown} trouble */
  fail(trouble) {
    if (this.stopper.signal.aborted) {
      return;
    }
    wonder(trouble);
    const refused = trouble instanceof Refused;
    tell(this.item, refused ? "refused" : "failed", "");
    blame(this.item, refused ? trouble.message : say("upload.failed"));
    this.bar.remove();
    refused ? this.offer("remove") : this.offer("again", "remove");
  }

  /**
   * @param {string} state
   * @param {Record<string, number>} [values]
   */
  tell(state, values) {
    tell(this.item, state, say(`upload.${state}`, values));
  }

  /** The buttons that there are now. @param {("cancel" | "remove" | "again")[]} actions */
  offer(...actions) {
    const had = this.actions.contains(document.activeElement);
    const buttons = actions.map(action => button(say(`upload.${action}`), () => this[action](), { of: this.name }));
    this.actions.replaceChildren(...buttons);
    had && buttons[0].focus();
  }

  cancel() {
    this.remove();
  }

  remove() {
    this.stopper.abort();
    leave(this.material, this.item);
  }

  again() {
    this.bar.value = 0;
    const text = this.item.querySelector(".hall-file__text");
    text && text.append(this.bar);
    this.start();
  }
}
