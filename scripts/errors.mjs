// node scripts/errors.mjs             writes docs/errors.md from src/codes.ts
// node scripts/errors.mjs --print     says what it would write

import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { cell, ROOT, writePage } from './page.mjs';

const { ERRORS, WARNINGS } = await tablesOf('src/codes.ts');

const HEAD = `<!-- Written by scripts/errors.mjs from src/codes.ts: npm run docs. -->

# Errors and warnings

Every error that the package throws is a \`CacheError\` with a \`code\`, a message that says what to write instead, and \`docs\`,
its place on this page. It is an instance of its class even if the process has loaded the package twice, as an ES module and as
a CommonJS module. No request ends in one of these errors: whatever happens to the cache, the app answers.

A warning is a \`warning\` event (\`cache.on('warning')\`) if the cache has a listener for it, else a process warning
(\`process.on('warning')\`) of the type \`RedisResponseCacheWarning\` with a \`code\`. The [option
\`warnings\`](options.md#warnings) turns warnings off.
`;

writePage('docs/errors.md', errorsPage());

function errorsPage() {
  return `${[
    HEAD.trimEnd(),
    '## Errors',
    indexOf(ERRORS, 'class'),
    ...Object.entries(ERRORS).map(sectionOf),
    '## Warnings',
    indexOf(WARNINGS),
    ...Object.entries(WARNINGS).map(sectionOf),
  ].join('\n\n')}\n`;
}

/** @param column a member that has a column of its own. */
function indexOf(table, column) {
  const columns = column ? ['code', column, 'what happened'] : ['code', 'what happened'];
  const rows = Object.entries(table).map(([code, entry]) => [
    `[\`${code}\`](#${code.toLowerCase()})`,
    ...(column ? [`\`${entry[column]}\``] : []),
    cell(entry.title),
  ]);
  return [columns, columns.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function sectionOf([code, { title, meaning, example, remedy }]) {
  return [
    `### ${code}`,
    `**${title}** ${linked(meaning)}`,
    fenced(example),
    `**What to do:** ${linked(remedy)}`,
  ].join('\n\n');
}

function fenced(text) {
  return `\`\`\`text\n${text}\n\`\`\``;
}

/** Names of pages as links: this page is in docs/ too. */
function linked(text) {
  return text.replaceAll(/\bdocs\/([\w-]+\.md(?:#[\w-]+)?)/g, '[docs/$1]($1)');
}

/** The exports of a TypeScript file that imports nothing. */
async function tablesOf(path) {
  const source = readFileSync(new URL(path, ROOT), 'utf8');
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  const { outputText } = ts.transpileModule(source, { compilerOptions });
  return import(`data:text/javascript,${encodeURIComponent(outputText)}`);
}
