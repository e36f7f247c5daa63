import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import compression from 'compression';
import express from 'express';
import { ERRORS, WARNINGS, type WarningCode } from '../../src/codes.ts';
import {
  CacheError,
  type CacheMiddleware,
  type CacheOptions,
  type ErrorCode,
  fromAccessLog,
  redisCache,
} from '../../src/index.ts';
import { bare, express5app, type Handler, newCache, serve } from '../support/app.ts';
import { type Asked, ask } from '../support/client.ts';

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
  ERR_RRC_DEPENDENCY: () =>
    jest.isolateModules(() => {
      for (const library of ['ioredis', 'iovalkey', 'redis']) {
        jest.doMock(library, () => {
          throw Object.assign(new Error(`Cannot find module '${library}'`), { code: 'MODULE_NOT_FOUND' });
        });
      }
      const fresh = require('../../src/index.ts') as { redisCache: typeof redisCache };
      fresh.redisCache({ redis: 'redis://localhost' });
    }),
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

/** Caches and requests that each emit one warning. */
const EMITTED: { readonly [C in WarningCode]: () => Promise<unknown> } = {
  async WRN_RRC_MEMORY() {
    warned({ redis: undefined as never });
  },
  async WRN_RRC_MILLISECONDS() {
    warned({ ttl: 300 });
  },
  async WRN_RRC_SESSION() {
    await asked((cache) => bare(cache, placing('session'), handler));
  },
  async WRN_RRC_TRUST_PROXY() {
    await asked((cache) => express5app(cache, handler), { headers: { 'X-Forwarded-Proto': 'https' } });
  },
  async WRN_RRC_BODY_PARSER() {
    const key = (req: object): string => String((req as { body?: unknown }).body);
    const json = { 'Content-Type': 'application/json' };
    const post = { method: 'POST', path: '/', headers: json, body: '{"a":1}' };
    await asked((cache) => express5app(cache, express.json(), handler), post, { methods: ['POST'], key });
  },
  async WRN_RRC_COMPRESSION() {
    const compressed = compression({ threshold: 0 }) as unknown as Handler;
    await asked((cache) => express5app(cache, compressed, handler), {
      headers: { 'Accept-Encoding': 'gzip' },
    });
  },
  async WRN_RRC_MOUNTED_TWICE() {
    await asked((cache) => bare(cache, cache, handler));
  },
  async WRN_RRC_ENCRYPT() {
    const place = { ...UNREACHABLE, prefix: 'mixed:' };
    warned(place);
    warned({ ...place, encrypt: { keys: [{ id: 'a', key: Buffer.alloc(32, 1) }] } });
  },
  async WRN_RRC_TEST_PORTS() {
    const cache = warned();
    for (let i = 0; i < 3; i++) {
      const port = await serve(bare(cache, handler));
      await ask(port, { path: '/leads', headers: { Host: `127.0.0.1:${port}` } });
    }
  },
  async WRN_RRC_LISTENER() {
    const cache = warned().on('request', () => {
      throw new Error('boom');
    });
    await ask(await serve(bare(cache, handler)));
    await cache.idle();
  },
};

const handler: Handler = (_req, res) => {
  res.setHeader('Content-Type', 'text/plain');
  res.end('a page');
};

function placing(name: string): Handler {
  return (req, _res, next) => {
    Object.assign(req, { [name]: {} });
    next();
  };
}

function warned(options: CacheOptions = {}): CacheMiddleware & Handler {
  return newCache({ warnings: true, ...options }) as CacheMiddleware & Handler;
}

async function asked(
  build: (cache: CacheMiddleware & Handler) => RequestListener,
  request: Partial<Asked> = {},
  options: CacheOptions = {},
): Promise<void> {
  await ask(await serve(build(warned(options))), { path: '/leads', ...request } as Asked);
}

describe('the example of a warning is what is emitted', () => {
  afterEach(() => void jest.restoreAllMocks());

  test.each(Object.entries(WARNINGS))('%s', async (code, { example, remedy }) => {
    const emitted: unknown[][] = [];
    jest.spyOn(process, 'emitWarning').mockImplementation((...args) => void emitted.push(args));
    await EMITTED[code as WarningCode]();
    await new Promise(setImmediate);
    const detail = `${remedy} See docs/errors.md#${code.toLowerCase()}.`;
    expect(emitted).toEqual([[example, { type: 'RedisResponseCacheWarning', code, detail }]]);
    expect(page).toContain(`\n### ${code}\n`);
  });
});
