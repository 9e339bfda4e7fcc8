/** GOV.UK Frontend's components on a page. */

/** @typedef {{ new (root: Element): object, moduleName: string }} Component */

/**
 * Start these components wherever the page has them and they do not run yet.
 * @param {...Component} components
 */
export function start(...components) {
  document.body.classList.add("js-enabled", "govuk-frontend-supported");
  for (const Component of components) {
    const name = Component.moduleName;
    document.querySelectorAll(`[data-module="${name}"]:not([data-${name}-init])`).forEach(root => new Component(root));
  }
}
