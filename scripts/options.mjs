// node scripts/options.mjs             writes docs/options.md from the documentation of the types in src/
// node scripts/options.mjs --print     says what it would write

import { readFileSync, writeFileSync } from 'node:fs';
import ts from 'typescript';

const ROOT = new URL('../', import.meta.url);
/** Where options, and what they are made of, are declared. */
const SOURCES = [
  'options/types',
  'options/option-parts',
  'options/compress',
  'options/encrypt',
  'options/cache',
  'warm/warm',
];

/** The options of a cache by the question that they answer. Each stands in one group. */
const GROUPS = {
  'Where it is kept': [
    'redis',
    'prefix',
    'previous',
    'maxEntries',
    'near',
    'compress',
    'encrypt',
    'hashKeys',
  ],
  'What is cached': ['mode', 'enabled', 'when', 'methods', 'statuses', 'storeWhen', 'maxBodySize', 'locals'],
  'By which key': ['key', 'vary'],
  'For how long': ['ttl', 'jitter', 'directives', 'targeted'],
  'Past its lifetime': ['staleWhileRevalidate', 'staleIfError', 'originTimeout', 'earlyRefresh', 'refresh'],
  'For whom': ['guard', 'setCookie'],
  'One at a time': ['collapse'],
  Purging: ['tags', 'invalidation'],
  'Redis in the way': ['timeout'],
  'What it says': ['name', 'showKey', 'clock'],
};

/** Options of calls: what the heading says, and the interface. */
const CALLS = {
  'cache.wrap(key, run, options)': 'WrapOptions',
  'cache.warm(targets, options)': 'WarmOptions',
};

const HEAD = `<!-- Written by scripts/options.mjs from the types in src/: npm run docs. -->

# Options

Every option of \`redisCache(options)\`, from the documentation of its type. All of them are checked when the cache is made:
one that is misspelt, malformed or out of bounds throws an \`OptionError\`, which names it, shows the value and says what
is accepted. \`cache.with(overrides)\` takes those marked so, and checks them likewise.

- **A duration** (\`Duration\`) is a number of **milliseconds**, or a string with a unit: \`'500ms'\`, \`'30s'\`, \`'5m'\`,
  \`'1 hour'\`, \`'7d'\`. A string without a unit is refused.
- **A size** (\`Size\`) is a number of **bytes**, or a string with a unit: \`'512kb'\`, \`'1mb'\` (1,048,576 bytes).
- **\`Value<T>\`** is a \`T\`, or a function \`(req, res) => T\` that may return a promise.
- **Plain JSON** (\`KeyPart\`) is strings, finite numbers, booleans, \`null\`, arrays and plain objects of them.

A function among the options that throws, rejects or gives something else never breaks a request: it is forwarded
(\`detail=error\`), or its response is not stored, and a \`fault\` event has the message.
`;

if (process.argv.includes('--print')) process.stdout.write(optionsPage());
else writeFileSync(new URL('docs/options.md', ROOT), optionsPage());

/** @returns the text of docs/options.md. @throws {Error} for an option without documentation, default or group. */
function optionsPage() {
  const interfaces = new Map(SOURCES.flatMap((name) => interfacesOf(`src/${name}.ts`)));
  const policy = optionsOf(interfaces, 'PolicyOptions').map((option) => ({ ...option, with: true }));
  const all = [...policy, ...optionsOf(interfaces, 'CacheOptions')];
  const grouped = Object.values(GROUPS).flat();
  const lost = [...all.map(({ name }) => name), ...grouped].filter(
    (name) => !grouped.includes(name) || all.filter((option) => option.name === name).length !== 1,
  );
  if (lost.length > 0) throw new Error(`in no group, or no option: ${lost.join(', ')}`);

  const rows = grouped.map((name) => {
    const option = all.find((option) => option.name === name);
    return `| [\`${name}\`](#${name.toLowerCase()}) | ${option.default} | ${option.with ? 'yes' : ''} | ${option.rfcs} |`;
  });
  const index = ['| option | default | `cache.with` | RFC |', '|---|---|---|---|', ...rows].join('\n');
  const sections = Object.entries(GROUPS).map(([title, names]) =>
    [
      `## ${title}`,
      ...names.map((name) =>
        sectionOf(
          all.find((o) => o.name === name),
          interfaces,
        ),
      ),
    ].join('\n\n'),
  );
  const calls = Object.entries(CALLS).map(
    ([call, name]) => `## \`${call}\`\n\n${tableOf(optionsOf(interfaces, name))}`,
  );
  return `${[HEAD.trimEnd(), index, ...sections, ...calls].join('\n\n')}\n`;
}

function sectionOf(option, interfaces) {
  const facts = [
    `\`${option.type}\``,
    `default: ${option.default}`,
    ...(option.with ? ['`cache.with`'] : []),
  ];
  const parts = [...option.type.matchAll(/\b\w+Options\b/g)]
    .flatMap(([name]) => optionsOf(interfaces, name))
    .flatMap((part) => [part, ...part.elements]);
  const table = parts.length > 0 ? [tableOf(parts, `${option.name}.`)] : [];
  return [`### \`${option.name}\``, facts.join(' · '), linked(option.text), ...table].join('\n\n');
}

function tableOf(options, prefix = '') {
  const cell = (text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
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
  const plain = (comment) => (ts.getTextOfJSDocComment(comment) ?? '').replaceAll(/\s*\n\s*/g, ' ').trim();
  const text = plain(doc?.comment);
  const tag = doc?.tags?.find(({ tagName }) => tagName.text === 'default');
  if (!text) throw new Error(`${owner}.${name} is not documented`);
  if (!tag && member.questionToken) throw new Error(`${owner}.${name} has no @default`);
  const sections = [...text.matchAll(/RFC \d{4}(?: §[\d.]*\d)?|\((§[\d.]*\d)\)/g)].map(([found]) => found);
  const rfcs = [...new Set(sections.filter((found) => found.startsWith('RFC')))];
  return {
    name,
    text,
    type: typeOf(member.type),
    default: tag ? code(plain(tag.comment)) : 'to be given',
    elements: elementsOf(owner, member),
    rfcs: linked(rfcs.join(', ')),
  };
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
    .replaceAll('req: IncomingMessage, res: ServerResponse', 'req, res');
}

/** Code as code, but for what is said of it. */
function code(value) {
  const [, literal, rest] =
    /^('[^']*'|\[[^\]]*\]|\{[^}]*\}|true|false|-?[\d.]+|Date\.now)(.*)$/.exec(value) ?? [];
  return literal === undefined ? value : `\`${literal}\`${rest}`;
}

function linked(text) {
  let rfc = '';
  return text.replaceAll(/RFC (\d{4})(?: §([\d.]*\d))?|§([\d.]*\d)/g, (found, number, section, alone) => {
    rfc = number ?? rfc;
    const at = section ?? alone;
    return `[${found}](https://www.rfc-editor.org/rfc/rfc${rfc}${at ? `#section-${at}` : ''})`;
  });
}

function interfacesOf(path) {
  const text = readFileSync(new URL(path, ROOT), 'utf8');
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
  return file.statements.filter(ts.isInterfaceDeclaration).map(({ name, members }) => [name.text, members]);
}
