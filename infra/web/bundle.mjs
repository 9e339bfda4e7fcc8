/** `node bundle.mjs OUTDIR TARGET BANNER ENTRY…`: each entry becomes one script with all that it imports. See build.py. */

import { build } from "esbuild";

const [outdir, target, banner, ...entryPoints] = process.argv.slice(2);

/** Formats judge answers on the server; what a form asks never hangs on them, and they weigh as much as our own code. */
const withoutFormats = {
  name: "without formats",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/format\.js$/ }, ({ importer }) =>
      importer.includes("/@cfworker/json-schema/") ? { path: "none", namespace: "formats" } : undefined
    );
    onLoad({ filter: /.*/, namespace: "formats" }, () => ({ contents: "export const format = {};" }));
  },
};

await build({
  entryPoints,
  outdir,
  target,
  bundle: true,
  minify: true,
  format: "esm",
  charset: "utf8",
  legalComments: "none",
  banner: { js: banner },
  logLevel: "warning",
  plugins: [withoutFormats],
}).catch(() => process.exit(1));
