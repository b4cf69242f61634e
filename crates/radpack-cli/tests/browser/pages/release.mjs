// What is released appears when a page is loaded anew, and not before.

import assert from "node:assert/strict";

const files = (version) => ({
  "index.js": `export const version = "${version}"; export const late = () => import("./late.js");\n`,
  "late.js": `export const late = "late ${version}";\n`,
});
const SCRIPT = `
  import { version, late } from "shapes@^1";
  globalThis.late = async () => (await late()).late;
  document.body.dataset.version = version;
`;

export default async function ({ radpack, publish, serve, site, open, until, text, document }) {
  await publish("shapes", "1.0.0", files("1.0.0"), "--release");
  const origin = await serve();
  const here = await site(origin, {
    "/": async () => document(await text(`${origin}/import-map.html?roots=shapes@^1`), SCRIPT),
  });
  const { page, complaints } = await open(here);
  const shows = async (version) => {
    await until(page, "body[data-version]");
    assert.equal(await page.getAttribute("body", "data-version"), version);
  };
  // Until the server has seen an event: within a second, it is said, and it is waited for, not timed.
  const seen = async (version) => {
    for (;;) {
      const answer = await (await fetch(`${origin}/resolve/shapes@%5E1`, { headers: { accept: "application/json" } })).json();
      if (answer.version === version) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await shows("1.0.0");

  await publish("shapes", "1.1.0", files("1.1.0"));
  await page.reload();
  await shows("1.0.0");

  await radpack("release", "shapes@1.1.0");
  await seen("1.1.0");
  await shows("1.0.0");
  assert.equal(await page.evaluate(() => globalThis.late()), "late 1.0.0", "an open page stays with what it began with");
  await page.reload();
  await shows("1.1.0");
  assert.equal(await page.evaluate(() => globalThis.late()), "late 1.1.0");

  await radpack("rollback", "shapes");
  await seen("1.1.1");
  await page.reload();
  await shows("1.0.0");
  assert.deepEqual(complaints, []);
}
