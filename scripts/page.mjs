import { writeFileSync } from 'node:fs';

export const ROOT = new URL('../', import.meta.url);

/** Writes a page of docs/ that a script makes; prints it instead where the script was called with --print. */
export function writePage(path, text) {
  if (process.argv.includes('--print')) process.stdout.write(text);
  else writeFileSync(new URL(path, ROOT), text);
}

/** Text as a cell of a table. */
export function cell(text) {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
