// A page that keeps the moment that it was served with keeps working, whatever is released, rolled back or swept away meanwhile.

import assert from "node:assert/strict";

const files = (version) => ({
  "index.js": `export const version = "${version}"; export const late = () => import("./late.js");\n`,
  "late.js": `import { base } from "base"; export const late = base + " from ${version}";\n`,
});
const base = (version) => ({ "index.js": `export const base = "base ${version}";\n` });
const SCRIPT = `
  import { version, late } from "shapes@^1";
  globalThis.late = async () => (await late()).late;
  document.body.dataset.version = version;
`;

export default async function ({ radpack, publish, serve, site, open, until, text, document }) {
  await publish("base", "1.0.0", base("1.0.0"), "--release");
  const json = JSON.stringify({ name: "shapes", version: "1.0.0", type: "module", exports: "./index.js", dependencies: { base: "^1.0.0" } });
  await publish("shapes", "1.0.0", { "package.json": json, ...files("1.0.0") }, "--release");
  const origin = await serve();
  const now = await fetch(`${origin}/radpack.json`);
  const moment = now.headers.get("radpack-moment");
  assert.ok(moment);
  const here = await site(origin, {
    "/kept": async () => document(await text(`${origin}/at/${moment}/import-map.html?roots=shapes@^1`), SCRIPT),
    "/now": async () => document(await text(`${origin}/import-map.html?roots=shapes@^1`), SCRIPT),
  });
  const kept = await open(`${here}/kept`);
  await until(kept.page, "body[data-version='1.0.0']");

  await publish("base", "1.1.0", base("1.1.0"), "--release");
  await publish("shapes", "1.1.0", { "package.json": json.replace("1.0.0", "1.1.0"), ...files("1.1.0") }, "--release");
  await publish("shapes", "1.2.0", { "package.json": json.replace("1.0.0", "1.2.0"), ...files("1.2.0") }, "--release");
  await radpack("rollback", "shapes");
  await radpack("gc");
  await radpack("gc");

  // What it had not loaded yet, and what others load who begin with the same moment.
  assert.equal(await kept.page.evaluate(() => globalThis.late()), "base 1.0.0 from 1.0.0");
  await kept.page.reload();
  await until(kept.page, "body[data-version='1.0.0']");
  assert.equal(await kept.page.evaluate(() => globalThis.late()), "base 1.0.0 from 1.0.0");
  assert.deepEqual(kept.complaints, []);

  const { page, complaints } = await open(`${here}/now`);
  await until(page, "body[data-version='1.1.0']");
  assert.equal(await page.evaluate(() => globalThis.late()), "base 1.1.0 from 1.1.0");
  assert.deepEqual(complaints, []);
}
