// All modules of a closure begin to load in one go, however deep they are; without the links, the browser finds them level by level.
//
// No time is asserted: every module takes a while, and what is looked at is which began before another was there.

import assert from "node:assert/strict";

const DELAY = 300;
const ROOTS = "d3-scale@^4,d3-array@^2";
const SCRIPT = `
  import { scaleLinear } from "d3-scale@^4";
  import { max } from "d3-array@^2";
  document.body.dataset.ran = scaleLinear([0, 1], [0, 9])(max([0, 1])) + typeof max;
`;

/** When each module began and ended to load, and how many waves that were: a module of the next wave begins after one of this ended. */
async function waves(open, until, url) {
  const { page, complaints } = await open(url);
  await until(page, "body[data-ran='9function']");
  assert.deepEqual(complaints, []);
  const modules = await page.evaluate(() =>
    performance.getEntriesByType("resource")
      .filter(({ name }) => new URL(name).pathname.startsWith("/m/"))
      .map(({ name, startTime, responseEnd }) => ({ name, startTime, responseEnd })));
  let waves = 0;
  for (let rest = modules; rest.length > 0; ) {
    waves += 1;
    const there = Math.min(...rest.map(({ responseEnd }) => responseEnd));
    rest = rest.filter(({ startTime }) => startTime >= there);
  }
  return { names: modules.map(({ name }) => new URL(name).pathname).sort(), waves };
}

export default async function ({ serve, site, open, until, text, document }) {
  const origin = await serve();
  const head = await text(`${origin}/import-map.html?roots=${ROOTS}`);
  const bare = head.replace(/<link[^>]*>/g, "");
  assert.ok(head.includes("<link rel=\"modulepreload\"") && !bare.includes("<link"));
  const here = await site(origin, {
    "/preloaded": () => document(head, SCRIPT),
    "/bare": () => document(bare, SCRIPT),
  }, { delay: DELAY });
  const preloaded = await waves(open, until, `${here}/preloaded`);
  const found = await waves(open, until, `${here}/bare`);
  assert.ok(preloaded.names.length > 50, `${preloaded.names.length} modules`);
  assert.deepEqual(preloaded.names, found.names, "the links name what is loaded, and nothing else");
  assert.equal(new Set(preloaded.names).size, preloaded.names.length, "nothing is loaded twice");
  assert.equal(preloaded.waves, 1);
  assert.ok(found.waves >= 3, `${found.waves} waves without links`);
}
