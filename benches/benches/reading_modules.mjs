// The other side of reading_modules.rs: es-module-lexer, kept warm in one process.
//
// Its one argument is the folder of the package. Each line on standard input is a count, a space and a file; the file's text is
// read once, then parsed that often, and the answer is one line: the nanoseconds that took, a space, and how many imports there
// are.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const lexer = pathToFileURL(join(process.argv[2], 'dist/lexer.js'));
const { init, parse } = await import(lexer.href);
await init();

const texts = new Map();
for await (const line of createInterface({ input: process.stdin })) {
  const space = line.indexOf(' ');
  const count = Number(line.slice(0, space));
  const file = line.slice(space + 1);
  let text = texts.get(file);
  if (text === undefined) {
    text = readFileSync(file, 'utf8');
    texts.set(file, text);
  }
  let imports = 0;
  const start = process.hrtime.bigint();
  for (let i = 0; i < count; i++) imports = parse(text)[0].length;
  const took = process.hrtime.bigint() - start;
  process.stdout.write(`${took} ${imports}\n`);
}
