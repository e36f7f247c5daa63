import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import { type PolicyName, SCHEMA, type SettingName } from '../../src/options/schema.ts';

/*
 * The table of options, the types that document them and docs/options.md say the same. That table and types have the same
 * names and levels is checked by the compiler.
 */

const ROOT = join(__dirname, '../..');
const page = readFileSync(join(ROOT, 'docs/options.md'), 'utf8');

const names = Object.keys(SCHEMA) as (PolicyName | SettingName)[];

/** The value of an option as the parsed options have it. */
function parsed(name: PolicyName | SettingName, value: unknown): unknown {
  return SCHEMA[name].parse(name, value);
}

/** The value of JavaScript in the documentation; `undefined` where a default is described in words. */
function literalOf(documented: string | undefined): unknown {
  const [, literal] = /^`([^`]*)`/.exec(documented ?? '') ?? [];
  return literal === undefined ? undefined : runInNewContext(`(${literal})`, { Date });
}

test('docs/options.md is what scripts/options.mjs writes: npm run docs', async () => {
  const script = ['scripts/options.mjs', '--print'];
  const { stdout } = await promisify(execFile)(process.execPath, script, { cwd: ROOT });
  expect(page).toBe(stdout);
});

describe('docs/options.md and the table of options', () => {
  const index = [...page.matchAll(/^\| \[`(\w+)`\]\(#\w+\) \| (.*?) \| (yes)? \| .*\|$/gm)];

  test('have the same options in the same order', () => {
    expect(index.map(([, name]) => name)).toEqual(names);
    expect([...page.matchAll(/^### `(\w+)`$/gm)].map(([, name]) => name)).toEqual(names);
  });

  test('have the same groups in the same order', () => {
    const groups = [...page.matchAll(/^## (?!`)(.*)$/gm)].map(([, group]) => group);
    expect(groups).toEqual([...new Set(Object.values(SCHEMA).map(({ group }) => group))]);
  });

  test('have the same options for cache.with', () => {
    const marked = index.filter(([, , , yes]) => yes).map(([, name]) => name);
    expect(marked).toEqual(names.filter((name) => SCHEMA[name].level === 'policy'));
  });

  test.each(names)('have the same default of %s', (name) => {
    const documented = index.find(([, option]) => option === name)?.[2];
    const value = literalOf(documented);
    // `hashKeys` is left out of the table, since its default depends on `encrypt`.
    if (name === 'hashKeys') expect([value, SCHEMA[name].default]).toEqual([false, undefined]);
    else expect(parsed(name, value ?? SCHEMA[name].default)).toEqual(parsed(name, SCHEMA[name].default));
    if (value === undefined) expect([undefined, '{}']).toContain(JSON.stringify(SCHEMA[name].default));
  });

  const parts = [...page.matchAll(/^\| `(\w+)\.(\w+)` \| .*? \| ([^|]*) \| [^|]*\|$/gm)].flatMap(
    ([, name, part, documented]) => {
      const value = literalOf(documented);
      return value === undefined ? [] : [[name as PolicyName, part as string, value] as const];
    },
  );

  test.each(parts)('have the same default of %s.%s: %p', (name, part, value) => {
    const declared = part === 'query' && { queryDeclared: true };
    expect(parsed(name, { [part]: value })).toEqual({ ...(parsed(name, {}) as object), ...declared });
  });

  test('have defaults of parts to compare', () => {
    expect(parts.length).toBeGreaterThanOrEqual(13);
  });
});
