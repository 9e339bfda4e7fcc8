/** Calls that may be cut off, and patience with them. */

const PATIENCE = 30000; // milliseconds for one answer

/** The network, or what is behind it, did not answer: the same may be tried again. */
export class CutOff extends Error {
  /** @param {unknown} [reason] */
  constructor(reason) {
    super(String(reason));
    /** Whether an answer came at all. */
    this.answered = typeof reason === "number";
  }
}

/**
 * `fetch` that gives up at last. CutOff when no answer came, or none but of a server in trouble.
 * @param {string} address
 * @param {RequestInit} [options]
 * @param {AbortSignal} [signal]
 */
export async function call(address, options = {}, signal) {
  const limit = new AbortController();
  const stop = () => limit.abort();
  const timer = setTimeout(stop, PATIENCE);
  signal && signal.addEventListener("abort", stop);
  try {
    const answer = await fetch(address, { credentials: "same-origin", ...options, signal: limit.signal });
    if (answer.status >= 500 || answer.status === 429) {
      throw new CutOff(answer.status);
    }
    return answer;
  } catch (trouble) {
    throw trouble instanceof CutOff ? trouble : new CutOff(trouble);
  } finally {
    clearTimeout(timer);
    signal && signal.removeEventListener("abort", stop);
  }
}

/**
 * Wait; the network's coming back ends it early, and so does an abort.
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function pause(milliseconds, signal) {
  return new Promise(resolve => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      signal && signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    addEventListener("online", done);
    signal && signal.addEventListener("abort", done);
  });
}
