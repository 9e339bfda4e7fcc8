/** Checking a certificate: its QR code by camera or photograph, and its seal in this very browser. */

import { ErrorSummary } from "govuk-frontend/dist/govuk/components/error-summary/error-summary.mjs";
import { start } from "./common/components.js";
import { check } from "./verify/seal.js";
import { offer } from "./verify/scan.js";

start(ErrorSummary);

const scan = document.getElementById("scan");
const seal = document.getElementById("seal");
scan && offer(scan);
if (seal) {
  check(seal);
  addEventListener("hashchange", () => check(seal));
}
