/** Scanning a certificate's QR code: live with the camera, or from a photograph. */

import { button, element } from "../common/elements.js";
import { reader } from "./reader.js";

const EVERY = 150; // milliseconds between two looks
const OURS = /^\/verify\/([\w -]{16,24})$/;
const NUMBER = /^[\w -]{16,24}$/;

/**
 * Offer both ways on the page. Its `data-…` are the texts, and the address of the reader.
 * @param {HTMLElement} place
 */
export function offer(place) {
  const voice = element("p", { class: "govuk-body", role: "status" });
  const stage = element("div", { class: "hall-scan" });
  /** @type {HTMLElement[]} */
  const controls = [photograph(place, voice)];
  if (navigator.mediaDevices && window.isSecureContext) {
    controls.unshift(camera(place, stage, voice));
  }
  place.append(...controls, stage, voice);
  place.hidden = false;
}

/**
 * @param {HTMLElement} place
 * @param {HTMLElement} stage
 * @param {HTMLElement} voice
 */
function camera(place, stage, voice) {
  const texts = place.dataset;
  const start = button(texts.camera || "", () => open(), { classes: "govuk-button govuk-button--secondary" });

  async function open() {
    start.disabled = true;
    say(voice, texts.opening);
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: "environment", width: { ideal: 1280 } },
      });
    } catch (trouble) {
      start.disabled = false;
      say(voice, refusal(texts, trouble));
      return;
    }
    await look(stream);
    start.disabled = false;
  }

  /** @param {MediaStream} stream */
  async function look(stream) {
    let stopped = false;
    const stop = () => (stopped = true);
    const video = element("video", { playsinline: "", muted: "", "aria-hidden": "true" });
    const end = button(texts.stop || "", stop, { classes: "govuk-button govuk-button--secondary" });
    video.muted = true;
    video.srcObject = stream;
    stage.replaceChildren(video, end);
    end.focus();
    say(voice, texts.point);
    document.addEventListener("visibilitychange", stop);
    try {
      await video.play();
      const read = await reader(texts.reader || "");
      while (!stopped) {
        const found = await read(video);
        if (found) {
          follow(found, texts, voice);
          return;
        }
        await new Promise(resolve => setTimeout(resolve, EVERY));
      }
      say(voice, "");
    } catch {
      say(voice, texts.failed);
    } finally {
      document.removeEventListener("visibilitychange", stop);
      stream.getTracks().forEach(track => track.stop());
      stage.replaceChildren();
      start.disabled = false;
      start.focus();
    }
  }

  return start;
}

/**
 * @param {HTMLElement} place
 * @param {HTMLElement} voice
 */
function photograph(place, voice) {
  const texts = place.dataset;
  const choice = element("input", {
    type: "file",
    id: "photograph",
    class: "govuk-file-upload",
    accept: "image/*",
    capture: "environment",
  });
  choice.addEventListener("change", async () => {
    const [file] = choice.files || [];
    if (!file) {
      return;
    }
    say(voice, texts.looking);
    try {
      const [read, picture] = await Promise.all([reader(texts.reader || ""), createImageBitmap(file)]);
      const found = await read(picture);
      found ? follow(found, texts, voice) : say(voice, texts.nothing);
    } catch {
      say(voice, texts.unreadable);
    }
    choice.value = "";
  });
  const label = element("label", { class: "govuk-label govuk-label--s", for: "photograph" }, texts.photograph || "");
  return element("div", { class: "govuk-form-group" }, label, choice);
}

/**
 * Go to the record that a code names; a code of somebody else's is told, never followed.
 * @param {string} code
 * @param {DOMStringMap} texts
 * @param {HTMLElement} voice
 */
function follow(code, texts, voice) {
  const address = addressOf(code);
  if (address) {
    say(voice, texts.found);
    location.assign(address);
  } else {
    say(voice, texts.foreign);
  }
}

/**
 * @param {string} code
 * @returns {string} "" for a code that is none of this hall's
 */
function addressOf(code) {
  if (NUMBER.test(code.trim())) {
    return `/verify?number=${encodeURIComponent(code.trim())}`;
  }
  try {
    const { origin, pathname, hash } = new URL(code);
    return origin === location.origin && OURS.test(decodeURIComponent(pathname)) ? pathname + hash : "";
  } catch {
    return "";
  }
}

/**
 * @param {DOMStringMap} texts
 * @param {unknown} trouble
 */
function refusal(texts, trouble) {
  const name = trouble instanceof DOMException ? trouble.name : "";
  return name === "NotAllowedError" ? texts.refused : name === "NotFoundError" ? texts.missing : texts.failed;
}

/**
 * @param {HTMLElement} voice
 * @param {string} [text]
 */
function say(voice, text = "") {
  voice.textContent = text;
}
