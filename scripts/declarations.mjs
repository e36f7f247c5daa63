// node scripts/declarations.mjs     finishes the declarations that tsup has bundled in dist/

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const DIST = new URL('../dist/', import.meta.url);
const IMPORT = /^import .* from 'express';$/gm;
/** Bundling drops comments. Without the types of Express, an import that is not marked is an error where libraries are checked. */
const MARK = "// @ts-ignore: without Express's types, `any` stands in their place\n";

for (const extension of ['.d.ts', '.d.cts']) {
  const files = readdirSync(DIST).filter((file) => file.endsWith(extension));
  const marked = files.filter((file) => mark(new URL(file, DIST)));
  if (marked.length === 0) throw new Error(`no ${extension} file imports Express's types`);
}

/** @returns whether the file imports Express's types. */
function mark(file) {
  const text = readFileSync(file, 'utf8');
  // An entry repeats the imports of the files that it exports from.
  const plain = text.replaceAll(MARK, '').replaceAll(/^import 'express';\n/gm, '');
  const marked = plain.replace(IMPORT, `${MARK}$&`);
  if (marked !== text) writeFileSync(file, marked);
  return marked !== plain;
}
