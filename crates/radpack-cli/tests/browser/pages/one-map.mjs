// One import map is enough for a page: d3 and preact, and what is only loaded later.

import assert from "node:assert/strict";

const files = {
  "package.json": JSON.stringify({
    name: "board", version: "1.0.0", type: "module", exports: "./index.js",
    dependencies: { "d3-scale": "^4.0.0", preact: "^11.0.0" },
  }),
  "index.js": `
    import { h, render } from "preact";
    export const draw = async (place) => {
      const { scaleLinear } = await import("d3-scale");
      const { label } = await import("./label.js");
      render(h("b", { id: "drawn" }, label(scaleLinear([0, 1], [0, 8])(0.5))), place);
    };
  `,
  "label.js": "import { useState } from 'preact/hooks'; export const label = (value) => `${typeof useState} ${value}`;\n",
};
const SCRIPT = `import { draw } from "board@^1"; await draw(document.body);`;

export default async function ({ publish, serve, site, open, until, text, document }) {
  await publish("board", "1.0.0", files, "--release");
  const origin = await serve();
  const head = await text(`${origin}/import-map.html?roots=board@^1`);
  const here = await site(origin, { "/": () => document(head, SCRIPT) });
  const { page, complaints } = await open(here);
  await until(page, "#drawn");
  assert.equal(await page.textContent("#drawn"), "function 4");
  assert.equal(await page.locator("script[type=importmap]").count(), 1);
  // Everything that was loaded is guarded by the map, what came later as well.
  const map = JSON.parse(await page.locator("script[type=importmap]").textContent());
  const loaded = await page.evaluate(() =>
    performance.getEntriesByType("resource").map(({ name }) => new URL(name).pathname).filter((path) => path.startsWith("/m/")));
  for (const path of loaded) assert.ok(map.integrity[path], path);
  assert.ok(loaded.some((path) => path.startsWith("/m/d3-scale/")) && loaded.some((path) => path.startsWith("/m/preact/")));
  assert.deepEqual(complaints, []);
}
