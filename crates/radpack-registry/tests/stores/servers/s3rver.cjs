// S3, but for the conditions of writes: they are accepted and ignored. With one bucket, in a folder. Says where it is; ends when what
// it reads from does.
//
// node s3rver.cjs NODE_MODULES FOLDER BUCKET
const { join } = require("node:path");

const [modules, directory, name] = process.argv.slice(2);
const S3rver = require(join(modules, "s3rver"));

(async () => {
  const server = new S3rver({ directory, port: 0, address: "127.0.0.1", silent: true, configureBuckets: [{ name }] });
  const { port } = await server.run();
  console.log(`at http://127.0.0.1:${port}`);
  process.stdin.resume().on("end", () => process.exit());
})();
