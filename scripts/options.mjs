// node scripts/options.mjs             writes docs/options.md from src/options/
// node scripts/options.mjs --print     says what it would write

import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { cell, ROOT, writePage } from './page.mjs';

/** Where options, and what they are made of, are declared. */
const SOURCES = ['options/types', 'options/operations', 'warm/warm'];
/** The table of all options, which has their level and their group. */
const SCHEMA = 'src/options/schema.ts';

/** Options of calls: what the heading says, and the interface. */
const CALLS = {
  'cache.wrap(key, run, options)': 'WrapOptions',
  'cache.warm(targets, options)': 'WarmOptions',
};

const HEAD = `<!-- Written by scripts/options.mjs from src/options/: npm run docs. -->

# Which options are there?

These are all options of \`redisCache(options)\`. Those marked can be overridden for a route by \`cache.with(overrides)\`. None is
required. An option that is unknown, malformed or out of bounds throws an \`OptionError\` when the cache is created; its message names
the option, shows the value and says what to write instead.

\`\`\`js
const cache = redisCache({ redis: 'redis://localhost:6379', ttl: '1h', staleWhileRevalidate: '1d', tags: ['api'] });
app.get('/leads', cache.with({ ttl: '5m', vary: { query: ['country', 'page'] } }), listLeads);
\`\`\`

- **\`Duration\`** is a number of **milliseconds**, or a string with a unit: \`'500ms'\`, \`'30s'\`, \`'5m'\`, \`'1 hour'\`, \`'7d'\`. A
  string without a unit is refused.
- **\`Size\`** is a number of **bytes**, or a string with a unit: \`'512kb'\`, \`'1mb'\` (1,048,576 bytes).
- **\`OptionValue<T>\`** is a \`T\`, or a function \`(req, res) => T\` that may return a promise.
- **\`KeyPart\`** is plain JSON: strings, finite numbers, booleans, \`null\`, arrays and plain objects of them.

If a function among the options throws, rejects or returns a value of another type, the app answers the request, and nothing is
stored. \`Cache-Status\` names the option (\`detail=key-error\`); a \`fault\` event, and the log under
\`DEBUG=redis-response-cache:fault\`, have the message.
`;

writePage('docs/options.md', optionsPage());

/** @returns the text of docs/options.md. @throws {Error} for an option without documentation or default. */
function optionsPage() {
  const interfaces = new Map(SOURCES.flatMap((name) => interfacesOf(`src/${name}.ts`)));
  const documented = new Map(
    ['PolicyOptions', 'CacheOptions']
      .flatMap((name) => optionsOf(interfaces, name))
      .map((option) => [option.name, option]),
  );
  const options = rowsOf(SCHEMA).map((row) => ({ ...documented.get(row.name), ...row }));

  const rows = options.map(
    ({ name, default: byDefault, level, text }) =>
      `| [\`${name}\`](#${name.toLowerCase()}) | ${byDefault} | ${level === 'policy' ? 'yes' : ''} | ${summaryOf(text)} |`,
  );
  const index = ['| option | default | `cache.with` | meaning |', '|---|---|---|---|', ...rows].join('\n');
  const sections = [...new Set(options.map(({ group }) => group))].map((group) =>
    [
      `## ${group}`,
      ...options.filter((option) => option.group === group).map((option) => sectionOf(option, interfaces)),
    ].join('\n\n'),
  );
  const calls = Object.entries(CALLS).map(
    ([call, name]) => `## \`${call}\`\n\n${tableOf(optionsOf(interfaces, name))}`,
  );
  return `${[HEAD.trimEnd(), index, ...sections, ...calls].join('\n\n')}\n`;
}

/** The name, level and group of each row of `SCHEMA`. TypeScript has checked that its names are those of the types. */
function rowsOf(path) {
  const table = sourceOf(path)
    .statements.filter(ts.isVariableStatement)
    .flatMap(({ declarationList }) => declarationList.declarations)
    .find(({ name }) => name.text === 'SCHEMA');
  return table.initializer.properties.map(({ name, initializer }) => {
    const cells = initializer.properties
      .filter((cell) => ts.isPropertyAssignment(cell) && ts.isStringLiteral(cell.initializer))
      .map((cell) => [cell.name.text, cell.initializer.text]);
    const { level, group } = Object.fromEntries(cells);
    return { name: name.text, level, group };
  });
}

function sectionOf(option, interfaces) {
  const facts = [
    `\`${option.type}\``,
    `default: ${option.default}`,
    ...(option.level === 'policy' ? ['`cache.with`'] : []),
  ];
  const parts = [...option.type.matchAll(/\b\w+Options\b/g)]
    .flatMap(([name]) => optionsOf(interfaces, name))
    .flatMap((part) => [part, ...part.elements]);
  const table = parts.length > 0 ? [tableOf(parts, `${option.name}.`)] : [];
  return [`### \`${option.name}\``, facts.join(' · '), linked(option.text), ...table].join('\n\n');
}

function tableOf(options, prefix = '') {
  const rows = options.map(
    ({ name, type, default: byDefault, text }) =>
      `| \`${prefix}${name}\` | \`${cell(type)}\` | ${cell(byDefault)} | ${cell(linked(text))} |`,
  );
  return ['| | type | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

function optionsOf(interfaces, name) {
  const members = interfaces.get(name);
  if (!members) throw new Error(`no interface ${name}`);
  return members.map((member) => optionOf(name, member));
}

function optionOf(owner, member) {
  const name = member.name.text;
  const doc = member.jsDoc?.at(-1);
  const plain = (comment) => paragraphs(ts.getTextOfJSDocComment(comment) ?? '');
  const text = plain(doc?.comment);
  const tag = doc?.tags?.find(({ tagName }) => tagName.text === 'default');
  if (!text) throw new Error(`${owner}.${name} is not documented`);
  if (!tag && member.questionToken) throw new Error(`${owner}.${name} has no @default`);
  return {
    name,
    text,
    type: typeOf(member.type),
    default: tag ? code(plain(tag.comment)) : 'required',
    elements: elementsOf(owner, member),
  };
}

/** The paragraphs and list items of a comment, each on one line. */
function paragraphs(text) {
  const lines = text.trim().split('\n');
  return lines
    .map((line) => line.trim())
    .join('\n')
    .replaceAll(/(?<!\n)\n(?!\n|- )/g, ' ');
}

/** The first sentence of a text, without references. */
function summaryOf(text) {
  const [sentence] = text.split(/(?<=\.)\s|:?\n/);
  return cell(sentence.replaceAll(/ \((?:RFC|docs\/)[^)]*\)/g, ''));
}

/** What a list of objects is made of. */
function elementsOf(owner, { name, type }) {
  if (type.kind === ts.SyntaxKind.TypeOperator) return elementsOf(owner, { name, type: type.type });
  if (!ts.isArrayTypeNode(type) || !ts.isTypeLiteralNode(type.elementType)) return [];
  const elements = type.elementType.members.map((member) => optionOf(`${owner}.${name.text}`, member));
  return elements.map((element) => ({ ...element, name: `${name.text}[].${element.name}` }));
}

/** As it is written, without comments, on one line. */
function typeOf(node) {
  const text = node.getText().replaceAll(/\/\*[\s\S]*?\*\//g, '');
  return text
    .replaceAll(/\breadonly /g, '')
    .replaceAll(/\s+/g, ' ')
    .replace(/^\| /, '')
    .replaceAll(/,? ([)}])/g, (_, end) => (end === '}' ? ' }' : end))
    .replaceAll('( ', '(')
    .replaceAll(/;? }/g, ' }')
    .replace(/ \| undefined$/, '')
    .replaceAll(/ \| undefined(?= \})/g, '')
    .replaceAll(/, Req, Res>/g, '>')
    .replaceAll(/(\w+Options)<Req, Res>/g, '$1')
    .replace(/^\((\(.*\) => \w+)\)$/, '$1')
    .replaceAll(/OptionFunction<([^>]*)>( \|)?/g, (_, type, or) => {
      const called = `(req, res) => ${type} | Promise<${type}>`;
      return or ? `(${called}) |` : called;
    });
}

/** Code as code, but for what is said of it. */
function code(value) {
  const [, literal, rest] =
    /^('[^']*'|\[[^\]]*\]|\{[^}]*\}|true|false|-?[\d.]+|Date\.now)(.*)$/.exec(value) ?? [];
  return literal === undefined ? value : `\`${literal}\`${rest}`;
}

function linked(text) {
  let rfc = '';
  const pages = text.replaceAll(/\bdocs\/([\w-]+\.md)(#[\w-]+)?/g, '[$1]($1$2)');
  return pages.replaceAll(/RFC (\d{4})(?: §([\d.]*\d))?|§([\d.]*\d)/g, (found, number, section, alone) => {
    rfc = number ?? rfc;
    const at = section ?? alone;
    return `[${found}](https://www.rfc-editor.org/rfc/rfc${rfc}${at ? `#section-${at}` : ''})`;
  });
}

function interfacesOf(path) {
  return sourceOf(path)
    .statements.filter(ts.isInterfaceDeclaration)
    .map(({ name, members }) => [name.text, members]);
}

function sourceOf(path) {
  const text = readFileSync(new URL(path, ROOT), 'utf8');
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
}
