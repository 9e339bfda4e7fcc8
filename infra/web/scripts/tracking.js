/** The tracking page: it keeps itself fresh, and a payment is not begun twice by two presses. */

import { Button } from "govuk-frontend/dist/govuk/components/button/button.mjs";
import { start } from "./common/components.js";
import { keepFresh } from "./tracking/fresh.js";
import { show } from "./tracking/swap.js";

start(Button);
keepFresh(location.pathname + location.search, show);
