// What Radpack 1.x built, AMD as it is, is published as built and served unchanged.

import assert from "node:assert/strict";
import fs from "node:fs/promises";
import path from "node:path";

const SCRIPT = `document.body.dataset.ready = "yes";`;

export default async function ({ radpack, publish, serve, site, open, until, document }) {
  const folder = path.join(process.env.RADPACK_FIXTURES, "packages/amd");
  await publish("react", "16.14.0", { "index.js": "export default 'react';\n" }, "--release");
  await radpack("publish", folder, "--release");
  const origin = await serve();
  const manifest = await (await fetch(`${origin}/radpack.json?roots=amd@%5E1`)).json();
  const files = manifest.exports.amd.d.filter(Array.isArray).flatMap(([, variants]) => variants.map(({ f }) => f));
  assert.deepEqual(files.sort(), ["c/common-5e6f7a8b.js", "index-1a2b3c4d.js"]);
  for (const file of files) {
    const answer = await fetch(`${origin}/m/amd/${file}`);
    assert.equal(answer.headers.get("content-type"), "text/javascript; charset=utf-8");
    assert.equal(await answer.text(), await fs.readFile(path.join(folder, file), "utf8"), file);
  }
  // A page that has a loader of its own runs it.
  const here = await site(origin, { "/": () => document("", SCRIPT) });
  const { page, complaints } = await open(here);
  await until(page, "body[data-ready=yes]");
  const defined = await page.evaluate(async (files) => {
    const defined = {};
    for (const file of files) {
      globalThis.define = (...args) => { defined[file] = args.map((arg) => (typeof arg === "function" ? "function" : arg)); };
      const script = document.createElement("script");
      script.src = `/m/amd/${file}`;
      script.crossOrigin = "anonymous";
      document.head.append(script);
      await new Promise((resolve, reject) => { script.onload = resolve; script.onerror = reject; });
    }
    return defined;
  }, files);
  assert.deepEqual(Object.keys(defined).sort(), files);
  for (const args of Object.values(defined)) assert.equal(args.at(-1), "function");
  assert.deepEqual(complaints, []);
}
