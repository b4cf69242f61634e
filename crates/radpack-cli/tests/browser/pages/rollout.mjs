// A release to a tenth reaches about a tenth of all keys, the same ones each time; to a fifth, these and others.

import assert from "node:assert/strict";

const KEYS = Array.from({ length: 1000 }, (_, index) => `user-${index}`);
const files = (version) => ({ "index.js": `export const version = "${version}";\n` });
const SCRIPT = `
  import { version } from "shapes@^1";
  document.body.dataset.version = version;
`;

export default async function ({ radpack, publish, serve, site, open, until, text, document }) {
  await publish("shapes", "1.0.0", files("1.0.0"), "--release");
  await publish("shapes", "1.1.0", files("1.1.0"));
  await radpack("release", "shapes@1.1.0", "--percent", "10");
  const origin = await serve();
  const here = await site(origin, {
    "/": (url) => {
      const key = url.searchParams.get("key");
      return text(`${origin}/import-map.html?roots=shapes@^1&key=${key}`).then((head) => document(head, SCRIPT));
    },
  });
  // The browser asks, from another origin, and follows each key to its cohort.
  const { page } = await open(`${here}/?key=none`);
  const reached = async () => {
    const versions = await page.evaluate(async ({ origin, keys }) => {
      const versions = [];
      const ask = async (key) => {
        const answer = await fetch(`${origin}/resolve/shapes@%5E1?key=${key}`, { headers: { accept: "application/json" } });
        return (await answer.json()).version;
      };
      for (let at = 0; at < keys.length; at += 50) {
        versions.push(...await Promise.all(keys.slice(at, at + 50).map(ask)));
      }
      return versions;
    }, { origin, keys: KEYS });
    assert.deepEqual([...new Set(versions)].sort(), ["1.0.0", "1.1.0"]);
    return new Set(KEYS.filter((_, index) => versions[index] === "1.1.0"));
  };

  const tenth = await reached();
  // A thousand keys in a hundred cohorts: five times what they scatter by.
  assert.ok(tenth.size >= 50 && tenth.size <= 150, `${tenth.size} of 1000 at 10 %`);
  assert.deepEqual(await reached(), tenth);
  const [one] = tenth;
  const other = KEYS.find((key) => !tenth.has(key));
  for (const [key, version] of [[one, "1.1.0"], [other, "1.0.0"]]) {
    const { page } = await open(`${here}/?key=${key}`);
    await until(page, `body[data-version='${version}']`);
    await page.reload();
    await until(page, `body[data-version='${version}']`);
  }

  await radpack("rollout", "set", "20", "shapes");
  let fifth = await reached();
  while (fifth.size === tenth.size) fifth = await reached();
  assert.ok(fifth.size >= 130 && fifth.size <= 270, `${fifth.size} of 1000 at 20 %`);
  for (const key of tenth) assert.ok(fifth.has(key), `${key} was in at 10 %`);
}
