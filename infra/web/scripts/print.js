/** Buttons that print the page. They are hidden where no script runs: there, the browser's own menu prints. */

/** @type {NodeListOf<HTMLElement>} */
const buttons = document.querySelectorAll("[data-print]");

for (const button of buttons) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
