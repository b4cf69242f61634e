// Runs a module with an import map, which Node.js has no option for: ids of the map become its file URLs, and a relative
// import stays relative to the file it is in. Nothing else is looked for, no node_modules in particular.
//
// Standard input: {"imports": {"d3-scale@^4": "file:///…"}, "source": "import … from 'd3-scale@^4'; …"}
import { register } from 'node:module';
import { text } from 'node:stream/consumers';

const input = JSON.parse(await text(process.stdin));

const hooks = `
  import { readFile } from 'node:fs/promises';
  let imports, source;
  export function initialize(input) { ({ imports, source } = input); }
  export function resolve(specifier, { parentURL }) {
    if (specifier === 'program:main') return { url: specifier, shortCircuit: true };
    const url = Object.hasOwn(imports, specifier) ? imports[specifier]
      : /^[.][.]?[/]/.test(specifier) ? new URL(specifier, parentURL).href
      : undefined;
    if (url === undefined) throw new Error(specifier + ' is not in the import map; imported by ' + parentURL);
    return { url, shortCircuit: true };
  }
  export async function load(url, { importAttributes }) {
    const format = importAttributes?.type === 'json' ? 'json' : 'module';
    return { format, source: url === 'program:main' ? source : await readFile(new URL(url)), shortCircuit: true };
  }`;
register('data:text/javascript,' + encodeURIComponent(hooks), { data: input });
await import('program:main');
