/** The pages behind the code: the focus goes to what is wrong, and nothing is sent twice by two presses. */

import { Button } from "govuk-frontend/dist/govuk/components/button/button.mjs";
import { ErrorSummary } from "govuk-frontend/dist/govuk/components/error-summary/error-summary.mjs";
import { start } from "./common/components.js";

start(Button, ErrorSummary);
