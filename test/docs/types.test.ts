import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import ts from 'typescript';
import { PAGES, type Snippet, snippets } from './support/snippets.ts';

/*
 * The JavaScript of the README and of docs/ is strict TypeScript as well, with Express's types. The names that a part takes
 * for granted are declared in support/prelude.d.ts. JavaScript cannot annotate parameters, so those may be `any`.
 */

const ROOT = join(__dirname, '../..');
const checked = snippets.filter(({ mark }) => !/^(?:parse|file)/.test(mark));
/** Each is a module of its own, which exists nowhere. */
const fileOf = ({ page, line }: Snippet): string =>
  join(__dirname, `${page.replaceAll(/\W/g, '-')}-${line}.mts`);

let errors: ReadonlyMap<string, readonly string[]>;

beforeAll(() => {
  const texts = new Map(checked.map((part) => [fileOf(part), `${part.code}\nexport {};\n`]));
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(
    {
      ...config.compilerOptions,
      noImplicitAny: false,
      noUncheckedIndexedAccess: false,
      isolatedDeclarations: false,
      verbatimModuleSyntax: false,
      declaration: false,
    },
    ROOT,
  );
  const host = ts.createCompilerHost({ ...options, configFilePath: join(ROOT, 'tsconfig.json') });
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (file) => texts.has(file) || fileExists(file);
  host.readFile = (file) => texts.get(file) ?? readFile(file);
  host.getSourceFile = (file, version, ...others) => {
    const text = texts.get(file);
    if (text === undefined) return getSourceFile(file, version, ...others);
    return ts.createSourceFile(file, text, version, true);
  };
  const prelude = join(__dirname, 'support/prelude.d.ts');
  const program = ts.createProgram([prelude, ...texts.keys()], options, host);
  errors = new Map(
    [...texts.keys()].map((file) => {
      const source = program.getSourceFile(file);
      const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
      return [file, found.map(describe)];
    }),
  );
}, 300_000);

/** The line within the snippet, and what is wrong. */
function describe({ file, start = 0, messageText }: ts.Diagnostic): string {
  const line = file ? file.getLineAndCharacterOfPosition(start).line : 0;
  const code = file?.text.split('\n')[line]?.trim();
  return `${code}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
}

test.each(checked)('$page:$line is strict TypeScript', (part) => {
  expect(errors.get(fileOf(part))).toEqual([]);
});

test('the snippets of every page with JavaScript are compiled', () => {
  const pages = PAGES.filter((page) => /^```js$/m.test(readFileSync(page, 'utf8')));
  expect(pages.length).toBeGreaterThan(10);
  expect(checked.length).toBeGreaterThan(50);
});
