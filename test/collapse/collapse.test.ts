import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import type { CacheOptions } from '../../src/index.ts';
import { bare, newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { sized } from '../support/long.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { type Fleet, fleet, redis, settled } from '../support/stores.ts';

const processes = (count: number, options: CacheOptions = {}): Promise<Fleet> =>
  fleet(count, { redis, prefix: uniquePrefix(), key: () => 'one', ...options });

function many<T>(count: number, each: () => Promise<T>): Promise<T>[] {
  return Array.from({ length: count }, each);
}

describe('requests for what is being made', () => {
  test('wait for it, in this process and in others, and the handler runs once', async () => {
    const { ask, running, runs } = await processes(3);
    const asked = [0, 1, 2].flatMap((process) => many(50, () => ask(process)));
    await runs(1);
    await settled();
    expect(running).toHaveLength(1);
    running[0]?.res.end('made once');
    const answers = await Promise.all(asked);
    expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(['made once']));
    expect(answers.filter(({ cacheStatus }) => cacheStatus === 'fwd=uri-miss; stored')).toHaveLength(1);
    // Whoever waited in the leader's process shares its response; whoever waited elsewhere, or came late, has a hit.
    const shared = answers.filter(({ cacheStatus }) => /collapsed$|^hit/.test(cacheStatus));
    expect(shared).toHaveLength(149);
    expect(shared.some(({ cacheStatus }) => cacheStatus === 'fwd=uri-miss; collapsed')).toBe(true);
    expect(running).toHaveLength(1);
  });

  test.each([
    ['a cookie', (res: ServerResponse) => res.setHeader('Set-Cookie', 'id=1')],
    ['private', (res: ServerResponse) => res.setHeader('Cache-Control', 'private')],
    ['an error', (res: ServerResponse) => res.writeHead(500)],
  ])('go on at once when there is nothing to share: %s', async (_name, mark) => {
    const { ask, running, runs } = await processes(2);
    const leader = ask(0);
    await runs(1);
    const others = [...many(5, () => ask(0)), ...many(5, () => ask(1))];
    await settled();
    expect(running).toHaveLength(1);
    mark(running[0]?.res as ServerResponse);
    running[0]?.res.end('the first');
    expect((await leader).body).toBe('the first');
    await runs(11);
    for (const { res } of running.slice(1)) res.end('own');
    expect((await Promise.all(others)).map(({ body }) => body)).toEqual(Array(10).fill('own'));
  });

  test('after that do not wait for the next either, for some seconds', async () => {
    const { ask, running, runs } = await processes(2);
    const first = ask(0);
    await runs(1);
    running[0]?.res.writeHead(200, { 'Cache-Control': 'private' }).end();
    await first;
    const next = [ask(0), ask(0), ask(1), ask(1)];
    await runs(5);
    for (const { res } of running.slice(1)) res.end('now for all');
    const answers = await Promise.all(next);
    // The first of them holds the lease all the same.
    expect(answers.filter(({ cacheStatus }) => cacheStatus === 'fwd=uri-miss; stored')).toHaveLength(1);
  });

  test('for another variant do not take its response', async () => {
    const { ask, running, runs } = await processes(1);
    const german = ask(0, { headers: { 'Accept-Language': 'de' } });
    await runs(1);
    const english = ask(0, { headers: { 'Accept-Language': 'en' } });
    running[0]?.res.writeHead(200, { Vary: 'Accept-Language' }).end('Hallo');
    expect((await german).body).toBe('Hallo');
    await runs(2);
    running[1]?.res.writeHead(200, { Vary: 'Accept-Language' }).end('Hello');
    expect(await english).toMatchObject({ body: 'Hello', cacheStatus: 'fwd=vary-miss' });
  });

  test('that waited long enough run the handler themselves', async () => {
    const { ask, running, runs } = await processes(2, { collapse: { wait: 150 } });
    const leader = ask(0);
    await runs(1);
    const others = [ask(0), ask(1)];
    await runs(3);
    for (const { res } of running) res.end('done');
    await leader;
    for (const { cacheStatus } of await Promise.all(others)) {
      expect(cacheStatus).toBe('fwd=uri-miss; detail=fill-under-way');
    }
  });

  test('wait for as long as they are let, however long that is', async () => {
    const { ask, running, runs } = await processes(2, { collapse: { wait: '60s' } });
    const leader = ask(0);
    await runs(1);
    const other = ask(1);
    // Longer than a lease, and in the long run than a wait by default.
    await sleep(sized(6000, 18_000));
    expect(running).toHaveLength(1);
    running[0]?.res.end('done');
    expect((await Promise.all([leader, other])).map(({ body }) => body)).toEqual(['done', 'done']);
    expect(running).toHaveLength(1);
  }, 40_000);

  test('are not made to wait where collapsing is off', async () => {
    const { ask, running, runs } = await processes(2, { collapse: false });
    const asked = [ask(0), ask(0), ask(1)];
    await runs(3);
    for (const { res } of running) res.end('done');
    expect(
      (await Promise.all(asked)).filter(({ cacheStatus }) => cacheStatus.endsWith('stored')),
    ).toHaveLength(1);
  });
});

test('a cache behind another that shares its keys does not wait for itself', async () => {
  const options = { redis, prefix: uniquePrefix() };
  const [front, behind] = [newCache(options), newCache(options)];
  const port = await serve(bare(front, behind, (_req, res) => res.end('at once')));
  const startedAt = performance.now();
  expect((await ask(port)).body).toBe('at once');
  expect(performance.now() - startedAt).toBeLessThan(5000);
});

describe('a purge', () => {
  test('revokes the fill that others wait for: they are given what is made after it', async () => {
    const { ask, caches, running, runs } = await processes(2);
    const leader = ask(0);
    await runs(1);
    const waiting = [ask(0), ask(1)];
    await settled();
    await caches[1]?.purge({ key: 'one' });
    const later = ask(1);
    running[0]?.res.end('from before');
    expect((await leader).body).toBe('from before');
    await runs(2);
    await settled();
    expect(running).toHaveLength(2);
    running[1]?.res.end('from after');
    expect((await later).body).toBe('from after');
    expect((await Promise.all(waiting)).map(({ body }) => body)).toEqual(['from after', 'from after']);
  });
});
