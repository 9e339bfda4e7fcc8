/** Reads QR codes where the browser can't. It is large: fetched only when somebody scans (verify/reader.js). */

export { default } from "jsqr";
