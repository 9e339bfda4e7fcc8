/* GOV.UK Frontend brings no types; a page only starts its components. */

interface Component {
  new (root: Element): object;
  moduleName: string;
}

export const Button: Component;
export const ErrorSummary: Component;
