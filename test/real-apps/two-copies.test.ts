import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { build } from '../support/build.ts';
import { uniquePrefix } from '../support/prefix.ts';

/*
 * Two copies of the package in one process, the cache of one behind that of the other: the app imports the ES module, a
 * library requires the CommonJS module. `support/two-copies.mjs` has the apps and the requests.
 */

const run = promisify(execFile);
const SCRIPT = join(__dirname, 'support/two-copies.mjs');

interface Results {
  readonly 'stale behind': Stale;
  readonly 'an error between': Stale;
  readonly 'both stale': Stale;
  readonly 'one key': { readonly answers: string[]; readonly runs: number };
  readonly level: string[];
  readonly members: string[];
  readonly cookie: { readonly answers: string[]; readonly runs: number };
  readonly metrics: string[];
  readonly errors: Record<string, string[]>;
}

interface Stale {
  readonly answers: string[];
  readonly refreshes: string[];
  readonly runs: number;
}

describe.each([
  ['an ES module in front of a CommonJS module', 'esm'],
  ['a CommonJS module in front of an ES module', 'cjs'],
])('%s', (_, front) => {
  describe.each(['app.use and a route of Express', 'the front door and app.use of Express', 'node:http'])(
    '%s',
    (mount) => {
      let results: Results;

      beforeAll(async () => {
        const { dist } = await build();
        const env = { ...process.env, PREFIX: uniquePrefix() };
        const { stdout } = await run(process.execPath, [SCRIPT, dist, front, mount], {
          env,
          timeout: 30_000,
        });
        results = JSON.parse(stdout);
      }, 300_000);

      test('the cache in front lets pass the request that refreshes a stale response behind it', () => {
        const passed = 'front; fwd=bypass; detail=when';
        expect(results['stale behind']).toEqual({
          answers: [
            expect.stringMatching(
              `^200 run 1; back; hit; ttl=-\\d+; detail=stale-while-revalidate, ${passed}$`,
            ),
            expect.stringMatching(`^200 run 2; back; hit; ttl=\\d+, ${passed}$`),
          ],
          refreshes: ['back stored'],
          runs: 2,
        });
      });

      test('an error of the app while such a request passes does not end the process', () => {
        expect(results['an error between']).toEqual({
          answers: [expect.stringContaining('200 run 1; back; hit; ttl=-')],
          refreshes: [expect.stringMatching(/^back (?:failed|unseen)$/)],
          runs: 1,
        });
      });

      test('one run of the handler refreshes what is stale in both caches', () => {
        expect(results['both stale']).toEqual({
          answers: [
            expect.stringMatching(/^200 run 1; .*, front; hit; ttl=-\d+; detail=stale-while-revalidate$/),
            expect.stringMatching(/^200 run 2; .*, front; hit; ttl=\d+$/),
            expect.stringMatching(/^200 run 2; back; hit; ttl=\d+, front; fwd=bypass; detail=when$/),
          ],
          refreshes: ['front stored'],
          runs: 2,
        });
      });

      test('with one prefix, a request that leads a fill in front does not wait for itself behind', () => {
        expect(results['one key']).toEqual({ answers: ['200 run 1', '200 run 1'], runs: 1 });
      });

      test('with one prefix, the cache in front does not use what the cache behind has stored', () => {
        expect(results.level).toEqual([
          expect.stringContaining('back; fwd=uri-miss; stored'),
          expect.stringContaining('back; hit'),
          '403 members only; front; fwd=uri-miss; detail=error-status',
        ]);
      });

      test('Cache-Status has one member for each copy, the one nearer to the origin first', () => {
        expect(results.members).toEqual([
          '200 run 1; back; fwd=uri-miss; stored, front; fwd=uri-miss; stored',
          expect.stringMatching(/^200 run 1; back; fwd=uri-miss; stored, front; hit; ttl=\d+$/),
          expect.stringMatching(/^200 run 1; back; hit; ttl=\d+, front; fwd=bypass; detail=when$/),
        ]);
      });

      test('what the cache behind reads of the request does not count as read by the app', () => {
        expect(results.cookie).toEqual({
          answers: [
            expect.stringMatching(/front; fwd=uri-miss; detail=verifying$/),
            expect.stringMatching(/front; hit; ttl=\d+$/),
            expect.stringMatching(/front; hit; ttl=\d+$/),
          ],
          // For the client, and as a stranger.
          runs: 2,
        });
      });

      test('one registry of prom-client reports both', () => {
        expect(results.metrics).toEqual([
          'redis_response_cache_requests_total{cache="front",outcome="miss"} 1',
          'redis_response_cache_requests_total{cache="back",outcome="miss"} 1',
        ]);
      });

      test('an error of one is an instance of the same class of the other, and of no other class', () => {
        expect(results.errors).toEqual({
          option: ['CacheError', 'OptionError'],
          purge: ['CacheError', 'PurgeError'],
          store: ['CacheError', 'StoreError'],
          derived: ['Derived', 'CacheError', 'OptionError'],
          foreign: ['TypeError'],
          none: [],
        });
      });
    },
  );
});
