/** One file's way: offered a place at the hall, sent straight to the store, looked at there. */

import { CutOff, call, pause } from "../common/network.js";

/** The hall says why it does not take the file. */
export class Refused extends Error {}

/**
 * @typedef {{ upload: string, post: { url: string, fields: Record<string, string> }, expires_at: string }} Place
 * @typedef {{ upload: string, state: "awaited" | "checking" | "clean" | "refused", message: string }} Looked
 */

const RETRIES = [1000, 3000, 9000]; // milliseconds between attempts
const LOOKS = [500, 1000, 2000, 3000, 5000, 8000, 13000, 21000, 34000]; // gentle, and at an end after a minute and a half
const QUIET = 60000; // milliseconds without any progress: the connection is gone

/**
 * Do it again after a cut; the last one is the caller's.
 * @template T
 * @param {() => Promise<T>} attempt
 * @param {() => void} cut what to do when it was
 * @param {AbortSignal} signal
 */
export async function insist(attempt, cut, signal) {
  for (const wait of RETRIES) {
    try {
      return await attempt();
    } catch (trouble) {
      if (!(trouble instanceof CutOff) || signal.aborted) {
        throw trouble;
      }
    }
    cut();
    await pause(wait, signal);
  }
  return attempt();
}

/**
 * A place for a file. Refused: no file of this kind or size.
 * @param {{ service: string, material: string, version?: string }} where `version`: of a case that was opened before
 * @param {File} file
 * @param {AbortSignal} signal
 * @returns {Promise<Place>}
 */
export async function offer(where, file, signal) {
  const body = JSON.stringify({
    ...where,
    filename: "file", // its name may tell who somebody is
    content_type: file.type || "application/octet-stream",
    size: file.size,
  });
  const headers = { "Content-Type": "application/json", "Accept-Language": document.documentElement.lang };
  const answer = await call("/v1/uploads", { method: "POST", headers, body }, signal);
  const told = await read(answer);
  if (!answer.ok) {
    throw new Refused(reason(told));
  }
  return told;
}

/**
 * Send a file to its place. CutOff: it did not get there, or the place is no more.
 * @param {Place} place
 * @param {File} file
 * @param {(percent: number) => void} progress
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function send({ post }, file, progress, signal) {
  const body = new FormData();
  Object.keys(post.fields).forEach(name => body.append(name, post.fields[name]));
  body.append("file", file, "file"); // after the fields: the store reads nothing that stands behind it
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    /** @type {ReturnType<typeof setTimeout>} */
    let timer;
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(stop, QUIET);
    };
    request.upload.addEventListener("progress", event => {
      watch();
      event.lengthComputable && progress(Math.floor((event.loaded / event.total) * 100));
    });
    request.addEventListener("loadend", () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      request.status >= 200 && request.status < 300 ? resolve() : reject(new CutOff(request.status));
    });
    signal.addEventListener("abort", stop);
    request.open("POST", post.url);
    request.send(body);
    watch();
  });
}

/**
 * Ask until the file was looked at, and a while longer for the virus check.
 * @param {string} upload
 * @param {(looked: Looked) => void} told
 * @param {AbortSignal} signal
 */
export async function look(upload, told, signal) {
  const headers = { "Accept-Language": document.documentElement.lang };
  const ask = async () => {
    const answer = await call(`/v1/uploads/${upload}`, { headers }, signal);
    const looked = await read(answer);
    if (!answer.ok) {
      throw new Refused(reason(looked));
    }
    return /** @type {Looked} */ (looked);
  };
  for (const wait of LOOKS) {
    const looked = await insist(ask, () => {}, signal);
    told(looked);
    if (looked.state === "clean" || looked.state === "refused" || signal.aborted) {
      return;
    }
    await pause(wait, signal);
  }
}

/**
 * @param {Response} answer
 * @returns {Promise<any>}
 */
async function read(answer) {
  try {
    return await answer.json();
  } catch (trouble) {
    throw new CutOff(trouble); // no answer of the hall: of something on the way
  }
}

/** @param {{ detail?: string, title?: string, errors?: { message: string }[] }} problem RFC 9457 */
function reason({ detail, title, errors }) {
  return (errors && errors[0] && errors[0].message) || detail || title || "";
}
