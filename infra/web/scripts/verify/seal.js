/** The seal of a certificate (chalicelib/domain/seal.py): a compact JWS with ES256 in the address's fragment. */

import { element } from "../common/elements.js";
import { CutOff, call } from "../common/network.js";

const KEYS = "/.well-known/jwks.json";
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" };
const BRITISH = "en-GB"; // as the pages' own dates are written
/** @type {Intl.DateTimeFormatOptions} */
const DAY = { year: "numeric", month: "long", day: "numeric" };

/** The seal can't be read, or is not the hall's. */
class Unfit extends Error {}

/**
 * @typedef {{ sub: string, hld: string, iat: number, exp?: number }} Claims
 */

/**
 * Check the seal of this page's address, if it has one, and say what came of it.
 * @param {HTMLElement} place where to say it: its `data-…` are the page's texts and the number of its certificate
 */
export async function check(place) {
  const compact = location.hash.slice(1);
  if (!compact.includes(".")) {
    return;
  }
  tell(place, "checking");
  try {
    const claims = await opened(compact);
    tell(place, claims.sub === place.dataset.number ? "genuine" : "other", claims);
  } catch (trouble) {
    tell(place, trouble instanceof CutOff ? "unreachable" : trouble instanceof Unfit ? "forged" : "unable");
  }
}

/**
 * What the seal says, if it is the hall's. Unfit; CutOff when the hall's keys can't be had.
 * @param {string} compact
 * @returns {Promise<Claims>}
 */
async function opened(compact) {
  const parts = compact.split(".");
  const [header, claims] = parts.slice(0, 2).map(readable);
  if (parts.length !== 3 || header.alg !== "ES256" || "crit" in header) {
    throw new Unfit();
  }
  const signed = new TextEncoder().encode(`${parts[0]}.${parts[1]}`);
  const key = await publicKey(header.kid);
  if (!(await crypto.subtle.verify(SIGNATURE, key, bytes(parts[2]), signed))) {
    throw new Unfit();
  }
  return claims;
}

/**
 * @param {string} id
 */
async function publicKey(id) {
  const answer = await call(KEYS);
  if (!answer.ok) {
    throw new CutOff(String(answer.status));
  }
  const { keys } = await answer.json();
  const found = keys.find((/** @type {JsonWebKey & { kid: string }} */ key) => key.kid === id);
  if (!found) {
    throw new Unfit();
  }
  const { kty, crv, x, y } = found;
  return crypto.subtle.importKey("jwk", { kty, crv, x, y }, ALGORITHM, false, ["verify"]);
}

/**
 * A part of the seal as JSON. Unfit.
 * @param {string} part
 */
function readable(part) {
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes(part)));
    if (value && typeof value === "object") {
      return value;
    }
  } catch (trouble) {
    throw trouble instanceof SyntaxError || trouble instanceof TypeError ? new Unfit() : trouble;
  }
  throw new Unfit();
}

/**
 * @param {string} text base64url
 */
function bytes(text) {
  if (!/^[\w-]*$/.test(text)) {
    throw new Unfit();
  }
  try {
    return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), character => character.charCodeAt(0));
  } catch {
    throw new Unfit();
  }
}

/**
 * @param {HTMLElement} place
 * @param {string} outcome the name of a text of the page
 * @param {Claims} [claims]
 */
function tell(place, outcome, claims) {
  const values = claims ? { number: claims.sub, holder: claims.hld, ...days(place, claims) } : {};
  const text = filled(place.dataset[outcome] || "", values);
  const lines = text.split("\n").map(line => element("p", { class: "govuk-body" }, line));
  place.replaceChildren(element("div", { class: `hall-seal hall-seal--${outcome}` }, ...lines));
}

/**
 * @param {HTMLElement} place
 * @param {Claims} claims
 */
function days(place, claims) {
  const { lang } = document.documentElement;
  const form = lang === "en" ? BRITISH : lang;
  /** @param {number} second */
  const day = second => new Date(second * 1000).toLocaleDateString(form, { ...DAY, timeZone: place.dataset.zone });
  // It is valid to the end of a day.
  return { issued: day(claims.iat), until: claims.exp ? day(claims.exp - 1) : place.dataset.noEnd || "" };
}

/**
 * @param {string} text
 * @param {Record<string, string>} values
 */
function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (place, name) => (name in values ? values[name] : place));
}
