import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/*
 * The JavaScript of the README and of docs/. A comment in front of a block says what is to be tried:
 *
 *   <!-- run: /path -->     a whole program, which listens on port 3000: asked twice for this path
 *   <!-- file: name -->     a file of a recipe: recipe-programs.test.ts; or of testing.md: test/testing/runners.test.ts
 *   <!-- parse -->          what is another package's is only parsed
 *   nothing                 a part of a program: run as a module, with the names that it takes for granted as globals
 *
 * A part that is followed by a block of requests (`GET /path  Field: value    hit    "body"`,
 * `POST /path  {"a":1}    hit`) is run, and they are sent.
 */

export interface Snippet {
  readonly page: string;
  readonly line: number;
  /** What the comment says. */
  readonly mark: string;
  readonly code: string;
  /** The lines of the block behind it that says what requests get. */
  readonly requests: readonly string[];
}

export const PAGES: readonly string[] = ['README.md', ...below('docs')];

export const snippets: readonly Snippet[] = PAGES.flatMap((page) => {
  const text = readFileSync(page, 'utf8');
  const blocks = text.matchAll(
    /(?:<!-- (run: \S+|file: \S+|parse) -->\n+)?```js\n([\s\S]*?)```(?:\n```\n((?:GET|POST) [\s\S]*?)```)?/g,
  );
  return [...blocks].map(({ 1: mark = '', 2: code = '', 3: requests, index }) => {
    const line = text.slice(0, index).split('\n').length;
    return { page, line, mark, code, requests: requests?.trim().split('\n') ?? [] };
  });
});

function below(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return files.filter((file) => file.endsWith('.md')).map((file) => join(folder, file));
}
