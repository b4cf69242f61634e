// A module that is not what its manifest states is refused by the browser, through the import map.

import assert from "node:assert/strict";

const FILES = { "index.js": "export const good = 'good'; globalThis.ran = [...(globalThis.ran ?? []), good];\n" };
const SCRIPT = `
  try { document.body.dataset.outcome = (await import("guarded@^1")).good; }
  catch (error) { document.body.dataset.outcome = "refused: " + error.name; }
`;

export default async function ({ publish, serve, site, open, until, text, document }) {
  await publish("guarded", "1.0.0", FILES, "--release");
  const origin = await serve();
  const head = await text(`${origin}/import-map.html?roots=guarded@^1`);
  const map = JSON.parse(await text(`${origin}/import-map.json?roots=guarded@^1`));
  assert.equal(Object.keys(map.integrity).length, 1);
  const withoutIntegrity = `<script type="importmap">${JSON.stringify({ imports: map.imports })}</script>`;
  const pages = {
    "/whole": () => document(head, SCRIPT),
    "/map": () => document(head.replace(/<link[^>]*>/g, ""), SCRIPT),
    "/unguarded": () => document(withoutIntegrity, SCRIPT),
  };
  const run = async (url) => {
    const { page, complaints } = await open(url);
    const outcome = await (await until(page, "body[data-outcome]")).getAttribute("data-outcome");
    return { outcome, ran: await page.evaluate(() => globalThis.ran ?? []), complaints };
  };

  const sound = await site(origin, pages);
  for (const path of Object.keys(pages)) {
    assert.deepEqual(await run(sound + path), { outcome: "good", ran: ["good"], complaints: [] }, path);
  }
  const change = (_, body) => body.replace("'good'", "'evil'");
  const tampered = await site(origin, pages, { change });
  for (const path of ["/whole", "/map"]) {
    const { outcome, ran, complaints } = await run(tampered + path);
    assert.equal(outcome, "refused: TypeError", path);
    assert.deepEqual(ran, [], path);
    assert.ok(complaints.some((complaint) => complaint.includes("integrity")), `${path}: ${complaints}`);
  }
  // It is the map that keeps it out, also what no link names because it is loaded on demand; without its integrity the module runs.
  const { outcome } = await run(`${tampered}/unguarded`);
  assert.equal(outcome, "evil");
}
