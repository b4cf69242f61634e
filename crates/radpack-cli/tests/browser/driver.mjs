// Runs one page: `node driver.mjs pages/NAME.mjs`. The page gets a browser, a server over the registry of RADPACK_STORE, and what
// stands between the two: a site of its own, which may delay and change what it passes on.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs/promises";
import http from "node:http";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";

const { RADPACK, RADPACK_BROWSER_DRIVER, RADPACK_BROWSER_PROGRAM } = process.env;
const { chromium } = createRequire(path.join(RADPACK_BROWSER_DRIVER, "x.js"))("playwright-core");

// Something that takes this long never comes.
const PATIENCE = 180_000;

const ended = [];
const atTheEnd = (end) => ended.unshift(end);

/** Runs a command on the registry; gives what it prints. */
async function radpack(...args) {
  const { stdout } = await promisify(execFile)(RADPACK, args);
  return stdout;
}

/** Publishes a package of these files. */
async function publish(name, version, files, ...args) {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), "package-"));
  const json = { name, version, type: "module", exports: "./index.js" };
  for (const [file, text] of Object.entries({ "package.json": JSON.stringify(json), ...files })) {
    await fs.mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await fs.writeFile(path.join(folder, file), text);
  }
  await radpack("publish", folder, ...args);
}

/** Starts a command that goes on until the end; gives the address that it prints. */
async function start(...args) {
  const server = spawn(RADPACK, args, { stdio: ["ignore", "pipe", "ignore"] });
  const exit = once(server, "exit");
  process.on("exit", () => server.kill("SIGKILL"));
  atTheEnd(async () => {
    server.kill("SIGTERM");
    const [code] = await exit;
    if (code !== 0) throw new Error(`radpack ${args[0]} ended with ${code}`);
  });
  const [origin] = await once(createInterface(server.stdout), "line");
  return origin;
}

/** Starts `radpack serve`; gives its origin. */
const serve = () => start("serve", "--listen", "127.0.0.1:0", "--max-age", "0s");

/**
 * A site: pages of its own, and everything else from the service behind it. `delay` is how long each module takes (ms); `change` is given
 * the path and the body of each module, and gives another body or nothing.
 */
async function site(origin, pages, { delay = 0, change = () => undefined } = {}) {
  const server = http.createServer(async (request, response) => {
    try {
      const url = new URL(request.url, "http://site");
      const page = pages[url.pathname];
      if (page) {
        const html = await page(url);
        response.writeHead(200, { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" });
        response.end(html);
        return;
      }
      const isModule = url.pathname.startsWith("/m/");
      if (isModule) await new Promise((resolve) => setTimeout(resolve, delay));
      const { host, connection, "accept-encoding": _, "if-none-match": __, ...headers } = request.headers;
      const answer = await fetch(origin + request.url, { method: request.method, headers, redirect: "manual" });
      const body = Buffer.from(await answer.arrayBuffer());
      const kept = [...answer.headers].filter(([name]) => !/^(content-(length|encoding)|connection|keep-alive|transfer-encoding)$/.test(name));
      response.writeHead(answer.status, kept);
      const changed = isModule ? change(url.pathname, body.toString()) : undefined;
      response.end(changed ?? body);
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  atTheEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

let browser;

/** A page of a fresh browser profile, and everything that it complains about. */
async function open(url) {
  browser ??= await chromium.launch({
    executablePath: RADPACK_BROWSER_PROGRAM,
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-proxy-server",
      "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    ],
  });
  const context = await browser.newContext();
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(url, { waitUntil: "load" });
  return { page, complaints };
}

/** Waits until a page has such an element, be there anything to see of it or not. */
const until = (page, selector) => page.waitForSelector(selector, { state: "attached" });

/** What a server answers, as text. */
async function text(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer.text();
}

/** A page: what the service gives for its head, and a module. */
const document = (head, script) =>
  `<!doctype html><html><head><meta charset="utf-8"><link rel="icon" href="data:,">${head}</head><body><script type="module">${script}</script></body></html>`;

const watch = setTimeout(() => {
  console.error(`nothing came of it in ${PATIENCE} ms`);
  process.exit(1);
}, PATIENCE);
try {
  const { default: run } = await import(pathToFileURL(path.resolve(process.argv[2])));
  await run({ radpack, publish, start, serve, site, open, until, text, document });
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await browser?.close();
  for (const end of ended) await end();
  clearTimeout(watch);
}
