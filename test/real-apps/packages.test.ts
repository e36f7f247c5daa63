import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { build } from '../support/build.ts';
import { uniquePrefix } from '../support/prefix.ts';

/*
 * Packages that people use in one app with the cache, in a process of its own with the built package: some of them patch
 * Node's modules, which a test environment has copies of. `support/packages.mjs` has the apps and the requests.
 */

const run = promisify(execFile);
const SCRIPT = join(__dirname, 'support/packages.mjs');

describe.each([
  ['Express 5', 'express'],
  ['Express 4', 'express4'],
])('%s', (_name, express) => {
  let results: Record<string, unknown>;
  beforeAll(async () => {
    const { dist } = await build();
    const env = { ...process.env, NODE_ENV: 'test', PREFIX: uniquePrefix() };
    const { stdout } = await run(process.execPath, [SCRIPT, dist, express], { env, timeout: 60_000 });
    results = JSON.parse(stdout);
  }, 300_000);

  test('three WebSockets of one URL by express-ws are greeted at once, and pages are cached', () => {
    expect(results['express-ws']).toEqual({
      sockets: Array(3).fill('welcome, echo hello'),
      isPrompt: true,
      page: ['200 a page: fwd=uri-miss', '200 a page: hit'],
    });
  });

  test.each(['http-proxy-middleware', 'express-http-proxy'])(
    'what %s brings is stored, and the origin is asked once',
    (proxy) => {
      expect(results[proxy]).toEqual({ pages: ['200 /a 1: fwd=uri-miss', '200 /a 1: hit'], runs: 1 });
    },
  );

  test('pages by the language that i18next-http-middleware detects are stored for each language', () => {
    expect(results['i18next-http-middleware']).toEqual({
      de: ['200 Hallo: fwd=uri-miss', '200 Hallo: hit', 'de'],
      en: ['200 Hello: fwd=uri-miss', '200 Hello: hit', 'en'],
    });
  });

  test('morgan and pino-http log a hit like any other answer', () => {
    expect(results['morgan and pino-http']).toEqual({
      pages: ['200 a page: fwd=uri-miss', '200 a page: hit'],
      lines: ['GET /a 200 6', 'GET /a 200 6'],
      logs: ['answered 200', 'answered 200'],
    });
  });

  test('express-rate-limit in front counts hits, and its fields are those of each request', () => {
    expect(results['express-rate-limit']).toEqual([
      '200 fwd=uri-miss, remaining=2',
      '200 hit, remaining=1',
      '200 hit, remaining=0',
      '429 , remaining=0',
    ]);
  });

  test('compression and helmet behind the cache: a hit has their encoding and their policy', () => {
    expect(results['compression and helmet behind']).toEqual([
      '200 700 fwd=uri-miss gzip true',
      '200 700 hit gzip true',
      '200 700 fwd=vary-miss  true',
    ]);
  });
});
