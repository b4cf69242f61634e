// Azure Blob Storage, in memory, with one container. Says where it is; ends when what it reads from does.
//
// node azurite.cjs NODE_MODULES CONTAINER ACCOUNT KEY
const { createHmac } = require("node:crypto");
const { join } = require("node:path");

const [modules, container, account, key] = process.argv.slice(2);
process.env.AZURITE_ACCOUNTS = `${account}:${key}`;
// The server reads its own options from there.
process.argv.splice(2, Infinity, "--blobPort", "0", "--inMemoryPersistence", "--disableTelemetry", "--silent",
  "--skipApiVersionCheck");
const { BlobServerFactory } = require(join(modules, "azurite/dist/src/blob/BlobServerFactory.js"));

async function makeContainer(address) {
  const date = new Date().toUTCString();
  const version = "2021-08-06";
  // By the rules of "Authorize with Shared Key": a line for each standard header, the provider's headers, the resource.
  const signed = `PUT${"\n".repeat(12)}x-ms-date:${date}\nx-ms-version:${version}\n/${account}/${account}/${container}\nrestype:container`;
  const signature = createHmac("sha256", Buffer.from(key, "base64")).update(signed).digest("base64");
  const answer = await fetch(`${address}/${account}/${container}?restype=container`, {
    method: "PUT",
    headers: { "x-ms-date": date, "x-ms-version": version, authorization: `SharedKey ${account}:${signature}` },
  });
  if (!answer.ok) throw new Error(await answer.text());
}

(async () => {
  const server = await new BlobServerFactory().createServer();
  await server.start();
  const address = server.getHttpServerAddress();
  await makeContainer(address);
  console.log(`at ${address}`);
  process.stdin.resume().on("end", () => process.exit());
})();
