/** Asking a page for its own newer self: gently, and only while somebody may see it. */

import { call } from "../common/network.js";

const UNCHANGED = 304;
const OFTEN = 15000; // milliseconds
const SELDOM = 120000;
const SLOWER = 1.5; // each time that nothing was new
const JITTER = 0.2; // so that not all who were told of something at once ask at once

/**
 * Until the page is left: ask, and hand on what is new. The hall is told which version is shown (its ETag), so that an
 * answer without news has no content.
 * @param {string} address
 * @param {(html: string) => void} show
 */
export async function keepFresh(address, show) {
  let wait = OFTEN;
  let shown = "";
  for (;;) {
    const woken = await turn(wait * (1 - JITTER + 2 * JITTER * Math.random()));
    const answer = await ask(address, shown);
    const news = answer !== null && answer.ok;
    if (answer && !news && answer.status !== UNCHANGED) {
      return; // the case is no longer there
    }
    wait = woken || (news && shown) ? OFTEN : Math.min(wait * SLOWER, SELDOM);
    if (news) {
      show(await answer.text());
      shown = answer.headers.get("ETag") || "";
    }
  }
}

/**
 * The answer; null when the network or the hall is not there just now.
 * @param {string} address
 * @param {string} shown
 */
function ask(address, shown) {
  /** @type {Record<string, string>} */
  const headers = shown ? { "If-None-Match": shown } : {};
  return call(address, { cache: "no-store", headers }).catch(() => null);
}

/**
 * Wait for the next turn; never while the page is hidden, at once when it is shown again or the network is back.
 * @param {number} milliseconds
 * @returns {Promise<boolean>} whether it was woken
 */
function turn(milliseconds) {
  return new Promise(resolve => {
    const timer = setTimeout(() => document.hidden || done(false), milliseconds);
    const woken = () => document.hidden || done(true);
    /** @param {PageTransitionEvent} event */
    const back = event => event.persisted && woken(); // the browser's "back" brought the page up as it was left
    /** @param {boolean} early */
    const done = early => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", woken);
      removeEventListener("online", woken);
      removeEventListener("pageshow", back);
      resolve(early);
    };
    document.addEventListener("visibilitychange", woken);
    addEventListener("online", woken);
    addEventListener("pageshow", back);
  });
}
