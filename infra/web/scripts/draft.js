/**
 * The pages of a saved form: the focus goes to what is wrong, and nothing is sent twice by two presses. Where the form
 * was deleted, or its version from elsewhere is chosen, what this device keeps of it by itself goes as well.
 */

import { Button } from "govuk-frontend/dist/govuk/components/button/button.mjs";
import { ErrorSummary } from "govuk-frontend/dist/govuk/components/error-summary/error-summary.mjs";
import { start } from "./common/components.js";
import { erase } from "./form/autosave.js";

start(Button, ErrorSummary);

/** @type {NodeListOf<HTMLElement>} */
const erasing = document.querySelectorAll("[data-erase]");

for (const one of erasing) {
  const now = () => erase(one.dataset.erase || "");
  one instanceof HTMLAnchorElement ? one.addEventListener("click", now) : now();
}
