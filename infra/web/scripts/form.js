/** The form page. */

import { Button } from "govuk-frontend/dist/govuk/components/button/button.mjs";
import { ErrorSummary } from "govuk-frontend/dist/govuk/components/error-summary/error-summary.mjs";

for (const Component of [Button, ErrorSummary]) {
  document.querySelectorAll(`[data-module="${Component.moduleName}"]`).forEach(root => new Component(root));
}
