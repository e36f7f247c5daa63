import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import ts from 'typescript';
import { PAGES, type Snippet, snippets } from './support/snippets.ts';

/*
 * The programs of the documentation are compiled. Files that exist nowhere are given to the compiler as texts.
 */

const ROOT = join(__dirname, '../..');
const CONFIG = join(ROOT, 'tsconfig.json');
const { config } = ts.readConfigFile(CONFIG, ts.sys.readFile);
/** Declarations are read once for all programs. */
const libraries = new Map<string, ts.SourceFile | undefined>();

/** @param files each file to check, with its text if it does not exist. @returns what is wrong in each. */
function compile(
  files: ReadonlyMap<string, string | undefined>,
  settings: object,
  prelude: readonly string[] = [],
): ReadonlyMap<string, readonly string[]> {
  const compilerOptions = {
    ...config.compilerOptions,
    noUncheckedIndexedAccess: false,
    isolatedDeclarations: false,
    verbatimModuleSyntax: false,
    declaration: false,
    ...settings,
  };
  const { options } = ts.convertCompilerOptionsFromJson(compilerOptions, ROOT);
  const host = ts.createCompilerHost({ ...options, configFilePath: CONFIG });
  const { fileExists, readFile, getSourceFile, directoryExists } = host;
  const folders = new Set([...files.keys()].map(dirname));
  host.directoryExists = (folder) => folders.has(folder) || directoryExists?.(folder) === true;
  host.fileExists = (file) => files.get(file) !== undefined || fileExists(file);
  host.readFile = (file) => files.get(file) ?? readFile(file);
  host.getSourceFile = (file, version, ...others) => {
    const text = files.get(file);
    if (text !== undefined) return ts.createSourceFile(file, text, version, true);
    if (!file.endsWith('.d.ts')) return getSourceFile(file, version, ...others);
    if (!libraries.has(file)) libraries.set(file, getSourceFile(file, version, ...others));
    return libraries.get(file);
  };
  const program = ts.createProgram([...prelude, ...files.keys()], options, host);
  return new Map(
    [...files.keys()].map((file) => {
      const source = program.getSourceFile(file);
      if (!source) throw new Error(`${file} is not compiled`);
      const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
      return [file, found.map(describeError)];
    }),
  );
}

/** The line, and what is wrong. */
function describeError({ file, start = 0, messageText }: ts.Diagnostic): string {
  const line = file ? file.getLineAndCharacterOfPosition(start).line : 0;
  const code = file?.text.split('\n')[line]?.trim();
  return `${code}\n${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
}

/*
 * Parts of programs are strict TypeScript as well, with Express's types. The names that a part takes for granted are declared
 * in support/prelude.d.ts. JavaScript cannot annotate parameters, so those may be `any`.
 */
const parts = snippets.filter(({ mark }) => !/^(?:parse|file)/.test(mark));

describe('a part of a program', () => {
  /** Each is a module of its own. */
  const pathOf = ({ page, line }: Snippet): string =>
    join(__dirname, `${page.replaceAll(/\W/g, '-')}-${line}.mts`);
  let errors: ReadonlyMap<string, readonly string[]>;

  beforeAll(() => {
    const files = new Map(parts.map((part) => [pathOf(part), `${part.code}\nexport {};\n`]));
    errors = compile(files, { noImplicitAny: false }, [join(__dirname, 'support/prelude.d.ts')]);
  }, 300_000);

  test.each(parts)('$page:$line is strict TypeScript', (part) => {
    expect(errors.get(pathOf(part))).toEqual([]);
  });

  test('is compiled on every page with JavaScript', () => {
    const pages = PAGES.filter((page) => /^```js$/m.test(readFileSync(page, 'utf8')));
    expect(pages.length).toBeGreaterThan(10);
    expect(parts.length).toBeGreaterThan(50);
  });
});

/*
 * Files of recipes and the examples are JavaScript for an editor that checks it (`checkJs`). Without `strict`, since much of
 * it would need annotations; what the package takes and returns is checked all the same.
 */
const files = snippets.filter(({ mark }) => /^file: .*js$/.test(mark));
const examples = readdirSync(join(ROOT, 'examples'), { recursive: true, encoding: 'utf8' })
  // The demonstration is no example of how to use the package.
  .filter((file) => file.endsWith('.mjs') && !/^(?:demo\/|from-source)/.test(file))
  .map((file) => ({ file }));

/** What the types of other packages, or JavaScript without annotations, cannot say. */
const UNTYPED = [
  // `address()` of a server on a port is no string, and a parameter of the query that is there once is one.
  /\.address\(\)\.port\b/,
  /JSON\.parse\((?:req|raw)\.query\./,
  /Object\.hasOwn\(persisted, req\.params\.id\)/,
  // The compiler takes the default export of `next` for its namespace.
  /= next\(\{/,
  // A list of literals is a list of strings, and a mock replaces the type of `redisCache` too.
  /cache\.outage\(kind\)/,
  /cache\.advance\('59m'\)/,
];

describe('a whole program', () => {
  /** The files of a page import each other. */
  const pathOf = ({ page, mark }: Snippet): string =>
    join(__dirname, page.replaceAll(/\W/g, '-'), mark.replace('file: ', ''));
  const exampleAt = (file: string): string => join(ROOT, 'examples', file);
  const PRELUDE = join(__dirname, 'prelude.mts');
  /** What an app's own middleware places on the request. */
  const DECLARED = `declare global {
    namespace Express { interface Request { user?: { id?: string; [name: string]: unknown }; tenant?: string } }
  }
  export {};`;
  let errors: ReadonlyMap<string, readonly string[]>;

  beforeAll(() => {
    const texts = new Map<string, string | undefined>([[PRELUDE, DECLARED]]);
    for (const snippet of files) texts.set(pathOf(snippet), snippet.code);
    for (const { file } of examples) texts.set(exampleAt(file), undefined);
    errors = compile(texts, {
      allowJs: true,
      checkJs: true,
      strict: false,
      strictFunctionTypes: true,
      exactOptionalPropertyTypes: false,
    });
  }, 300_000);

  const errorsOf = (path: string) =>
    errors.get(path)?.filter((error) => !UNTYPED.some((pattern) => pattern.test(error.split('\n')[0] ?? '')));

  test.each(files)('$page:$line has no error of types', (snippet) => {
    expect(errorsOf(pathOf(snippet))).toEqual([]);
  });

  test.each(examples)('examples/$file has no error of types', ({ file }) => {
    expect(errorsOf(exampleAt(file))).toEqual([]);
  });

  test('needs each of the exceptions', () => {
    const all = [...errors.values()].flat();
    expect(UNTYPED.filter((pattern) => !all.some((error) => pattern.test(error)))).toEqual([]);
  });
});

test('the TypeScript of docs/typescript.md is strict', () => {
  const page = readFileSync(join(ROOT, 'docs/typescript.md'), 'utf8');
  const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)```/gm)].map(([, code]) => code);
  expect(blocks.length).toBeGreaterThan(1);
  const text = ["import { redisCache } from 'redis-response-cache';", ...blocks, 'export { cache };'].join(
    '\n',
  );
  const file = join(__dirname, 'docs-typescript-md.mts');
  expect(compile(new Map([[file, text]]), {}).get(file)).toEqual([]);
}, 300_000);
