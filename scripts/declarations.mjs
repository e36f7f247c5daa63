// node scripts/declarations.mjs     finishes the declarations that tsup has bundled in dist/

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const DIST = new URL('../dist/', import.meta.url);
/** Packages whose types may be missing. */
const OPTIONAL = '(?:express|ioredis)';
const IMPORT = new RegExp(`^import .* from '${OPTIONAL}';$`, 'gm');
const BARE = new RegExp(`^import '${OPTIONAL}';\\n`, 'gm');
/** Bundling drops comments. Without the types of a package, an import that is not marked is an error where libraries are checked. */
const MARK = '// @ts-ignore: where the package is not installed, `any` stands in place of its types\n';

for (const extension of ['.d.ts', '.d.cts']) {
  const files = readdirSync(DIST).filter((file) => file.endsWith(extension));
  const marked = files.filter((file) => mark(new URL(file, DIST)));
  if (marked.length === 0) throw new Error(`no ${extension} file imports the types of an optional package`);
}

/** @returns whether the file imports the types of an optional package. */
function mark(file) {
  const text = readFileSync(file, 'utf8');
  // An entry repeats the imports of the files that it exports from.
  const plain = text.replaceAll(MARK, '').replaceAll(BARE, '');
  const marked = plain.replace(IMPORT, `${MARK}$&`);
  if (marked !== text) writeFileSync(file, marked);
  return marked !== plain;
}
