// A package at hand takes over for the live one in a page, and what is changed in it appears by itself.

import assert from "node:assert/strict";
import fs from "node:fs/promises";
import os from "node:os";
import path from "node:path";

const shapes = (text) => ({ "index.js": `export const shapes = "${text}";\n` });
const app = {
  "package.json": JSON.stringify({
    name: "app", version: "1.0.0", type: "module", exports: "./index.js", dependencies: { shapes: "^1.0.0" },
  }),
  "index.js": "export { shapes as shown } from 'shapes';\n",
};

export default async function ({ publish, start, serve, site, open, until, text, document }) {
  await publish("shapes", "1.5.0", shapes("live"), "--release");
  await publish("app", "1.0.0", app, "--release");
  const origin = await serve();

  const work = await fs.mkdtemp(path.join(os.tmpdir(), "workspace-"));
  const folder = path.join(work, "packages/shapes");
  await fs.mkdir(folder, { recursive: true });
  await fs.writeFile(path.join(work, "package.json"), JSON.stringify({ name: "work", workspaces: ["packages/*"] }));
  const json = { name: "shapes", version: "1.0.0", type: "module", exports: "./index.js" };
  await fs.writeFile(path.join(folder, "package.json"), JSON.stringify(json));
  const write = (text) => fs.writeFile(path.join(folder, "index.js"), text);
  await write(shapes("at hand")["index.js"]);
  const local = await start("local", work, "--port", "0", "--register", `${origin}/radpack.json`);

  const script = `
    import { shown } from "app@^1";
    document.body.dataset.shown = shown;
    const events = new EventSource("${local}/-/events");
    events.addEventListener("now", () => { document.body.dataset.ready = "yes"; });
    events.addEventListener("built", () => location.reload());
  `;
  const here = await site(origin, {
    "/live": async () => document(await text(`${origin}/import-map.html?urls=absolute&roots=app@^1`), `
      import { shown } from "app@^1";
      document.body.dataset.shown = shown;
    `),
    "/local": async () => document(await text(`${local}/import-map.html?roots=app@^1`), script),
  });
  const live = await open(`${here}/live`);
  await until(live.page, "body[data-shown=live]");
  const { page, complaints } = await open(`${here}/local`);
  await until(page, "body[data-shown='at hand'][data-ready=yes]");
  await write(shapes("changed")["index.js"]);
  await until(page, "body[data-shown=changed][data-ready=yes]");

  const says = await open(`${local}/`);
  assert.match(await says.page.textContent("table"), /shapes\s*1\.0\.0\s*over 1\.5\.0\s*packages\/shapes/);
  await write("export const shapes = ;\n");
  await until(says.page, "pre");
  assert.match(await says.page.textContent("pre"), /index\.js:1:/);
  await page.reload();
  await until(page, "body[data-shown=changed][data-ready=yes]");
  await write(shapes("mended")["index.js"]);
  await until(page, "body[data-shown=mended]");
  assert.deepEqual([...complaints, ...says.complaints, ...live.complaints], []);
}
