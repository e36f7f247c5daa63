import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { ERRORS, WARNINGS } from '../../src/codes.ts';
import { CacheError, type ErrorCode, fromAccessLog, redisCache } from '../../src/index.ts';
import type { WarningCode } from '../../src/warnings.ts';
import { bare, newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';

/* The table of codes, docs/errors.md and what the package throws and emits say the same. */

const ROOT = join(__dirname, '../..');
const page = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8');

test('docs/errors.md is what scripts/errors.mjs writes: npm run docs', async () => {
  const script = ['scripts/errors.mjs', '--print'];
  const { stdout } = await promisify(execFile)(process.execPath, script, { cwd: ROOT });
  expect(page).toBe(stdout);
});

test('no other code than those of the table is in the source', () => {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' });
  const source = files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(ROOT, 'src', file), 'utf8'))
    .join('\n');
  const found = new Set(source.match(/\b(?:ERR|WRN)_RRC_[A-Z_]*[A-Z]\b/g));
  expect([...found].sort()).toEqual([...Object.keys(ERRORS), ...Object.keys(WARNINGS)].sort());
});

test.each([...Object.entries(ERRORS), ...Object.entries(WARNINGS)])(
  'the texts of %s are sentences',
  (_code, { title, meaning, remedy }) => {
    for (const text of [title, meaning, remedy]) expect(text).toMatch(/^[A-Z`'].*\.$/);
  },
);

/** Where nothing listens. */
const UNREACHABLE = { redis: 'redis://127.0.0.1:1', timeout: '50ms' } as const;

const THROWN: { readonly [C in ErrorCode]: () => unknown } = {
  ERR_RRC_OPTION: () => redisCache({ tttl: '1h' } as object),
  ERR_RRC_ARGUMENT: () => newCache().explain('/leads'),
  ERR_RRC_PURGE: () => newCache().purge({} as never),
  ERR_RRC_STORE: () => newCache(UNREACHABLE).purge({ all: true }),
  ERR_RRC_SOURCE: () => fromAccessLog('nowhere.log', { origin: 'https://example.com' }).next(),
};

describe('the example of an error is what is thrown', () => {
  test.each(Object.entries(ERRORS))('%s', async (code, { class: type, example }) => {
    const error = await Promise.resolve()
      .then(THROWN[code as ErrorCode])
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
    const { name, message, docs } = error as CacheError;
    expect(error).toBeInstanceOf(CacheError);
    expect({ name, code: (error as CacheError).code, message, docs }).toEqual({
      name: type,
      code,
      message: example,
      docs: `docs/errors.md#${code.toLowerCase()}`,
    });
    expect(page).toContain(`\n### ${code}\n`);
  });
});

/** Each makes a cache or a request to one, so that the warning is emitted. */
const EMITTED: { readonly [C in WarningCode]: () => Promise<unknown> } = {
  async WRN_RRC_MEMORY() {
    jest.replaceProperty(process, 'env', { ...process.env, NODE_ENV: 'production' });
    newCache();
  },
  async WRN_RRC_LISTENER() {
    const cache = newCache().on('request', () => {
      throw new Error('boom');
    });
    await ask(await serve(bare(cache, (_req, res) => res.end())), '/');
  },
};

describe('the example of a warning is what is emitted', () => {
  afterEach(() => void jest.restoreAllMocks());

  test.each(Object.entries(WARNINGS))('%s', async (code, { example, remedy }) => {
    const emitted: unknown[][] = [];
    jest.spyOn(process, 'emitWarning').mockImplementation((...args) => void emitted.push(args));
    await EMITTED[code as WarningCode]();
    const detail = `${remedy} See docs/errors.md#${code.toLowerCase()}.`;
    expect(emitted).toEqual([[example, { type: 'RedisResponseCacheWarning', code, detail }]]);
    expect(page).toContain(`\n### ${code}\n`);
  });
});
