import { AsyncLocalStorage } from 'node:async_hooks';
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import debug from 'debug';
import express from 'express';
import type { CacheEvents, RequestEvent } from '../../src/index.ts';
import { newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { logged } from '../support/logged.ts';
import { startRedis } from '../support/redis.ts';
import { shop } from './support/shop.ts';

const NAMES = ['request', 'fault', 'guard', 'store', 'purge', 'refresh'] as const;

const undo: (() => void)[] = [];
afterEach(() => {
  for (const step of undo.splice(0)) step();
});

/** What is published on all channels from now on, by name. */
function published(): { name: string; message: Record<string, unknown> }[] {
  const messages: { name: string; message: Record<string, unknown> }[] = [];
  for (const name of NAMES) {
    const listener = (message: unknown): unknown =>
      messages.push({ name, message: message as Record<string, unknown> });
    subscribe(`redis-response-cache:${name}`, listener);
    undo.push(() => unsubscribe(`redis-response-cache:${name}`, listener));
  }
  return messages;
}

describe('an event', () => {
  test('of a request has the facts of Cache-Status, and durations with the time saved', async () => {
    const { cache, settled } = await shop();
    const events: RequestEvent[] = [];
    cache.on('request', (event) => events.push(event));
    const before = Date.now();
    await settled('/slow');
    await settled('/slow');
    const [miss, hit] = events as [RequestEvent, RequestEvent];
    expect(miss).toMatchObject({ kind: 'forward', result: 'miss', fwd: 'uri-miss', stored: true, bytes: 0 });
    expect(Object.keys(miss.durationsMs).sort()).toEqual(['lookup', 'origin', 'store', 'total']);
    expect(Object.keys(miss.startsMs).sort()).toEqual(['lookup', 'origin', 'store']);
    expect(miss.startsMs.origin).toBeGreaterThan(miss.startsMs.lookup!);
    expect(miss.durationsMs.total).toBeGreaterThanOrEqual(miss.durationsMs.origin!);
    expect(hit).toMatchObject({ kind: 'hit', result: 'hit', method: 'GET', status: 200, bytes: 4 });
    expect(hit.key).toMatch(/^GET http:\/\/.*\/slow$/);
    expect(hit.savedMs).toBeGreaterThanOrEqual(40);
    expect(hit.startedAt).toBeGreaterThanOrEqual(before - 50);
    expect(hit.startedAt).toBeLessThanOrEqual(Date.now() + 50);
  });

  test('is emitted for each response that is stored, each purge and each refresh', async () => {
    const { cache, settled, later } = await shop();
    const events: [string, unknown][] = [];
    for (const name of ['store', 'purge', 'refresh'] as const) {
      cache.on(name, (event: CacheEvents[typeof name][0]) => events.push([name, event]));
    }
    const key = expect.stringMatching(/^GET /);
    const durationMs = expect.any(Number);
    await settled('/tagged');
    await cache.purge({ tag: 'things' }, { soft: true });
    await settled('/text');
    await settled({ method: 'POST', path: '/text' });
    await settled('/behind');
    later(20_000);
    await settled('/behind');
    expect(events).toEqual([
      [
        'store',
        { key, bytes: expect.any(Number), expiresInMs: expect.any(Number), tags: ['things'], durationMs },
      ],
      ['purge', { by: 'call', target: 'tag', soft: true, purged: 1, durationMs }],
      ['store', expect.objectContaining({ tags: [] })],
      ['purge', { by: 'unsafe-method', target: 'url', soft: false, purged: 1, durationMs }],
      ['store', expect.anything()],
      ['store', expect.anything()],
      ['refresh', { key, result: 'stored', durationMs }],
    ]);
  });

  test('of a purge that Redis does not confirm has `purged: undefined`', async () => {
    const server = await startRedis();
    const cache = newCache({ redis: server.url, timeout: 100 });
    const events: unknown[] = [];
    cache.on('purge', (event) => events.push(event));
    await cache.wrap('ready', () => 1, { ttl: '1m' });
    await server.stop();
    await expect(cache.purge({ all: true })).rejects.toThrow('Redis did not confirm the purge');
    expect(events).toEqual([
      { by: 'call', target: 'all', soft: false, purged: undefined, durationMs: expect.any(Number) },
    ]);
    expect(cache.stats().purges).toEqual({ confirmed: 0, failed: 1, responses: 0 });
  });

  test('of a request reaches listeners in the asynchronous context of the request, even after its answer', async () => {
    const context = new AsyncLocalStorage<string>();
    const cache = newCache();
    const heard: unknown[] = [];
    cache.on('request', ({ kind }) => heard.push([kind, context.getStore()]));
    const app = express();
    app.use((req, _res, next) => context.run(req.url, next));
    app.use(cache);
    app.get('/bypassed', (_req, res) => void setTimeout(() => context.exit(() => res.send('ok')), 1));
    app.get('/filled', (_req, res) => void setTimeout(() => context.exit(() => res.send('ok')), 1));
    const port = await serve(app);
    await ask(port, { path: '/bypassed', method: 'GET', headers: { 'If-Match': '"a"' } });
    await ask(port, { path: '/filled' });
    await cache.idle();
    await ask(port, { path: '/filled' });
    expect(heard).toEqual([
      ['forward', '/bypassed'],
      ['forward', '/filled'],
      ['hit', '/filled'],
    ]);
  });

  test('reaches the other listeners when one throws or rejects, with one process warning', async () => {
    const { cache, settled } = await shop({ warnings: true });
    const warnings: unknown[] = [];
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation((...args) => void warnings.push(args));
    undo.push(() => warn.mockRestore());
    const heard: unknown[] = [];
    cache.on('request', () => {
      throw new Error('mine');
    });
    cache.on('request', async () => {
      throw new Error('mine, later');
    });
    cache.on('request', ({ kind }) => heard.push(kind));
    await settled();
    expect((await settled()).cacheStatus).toMatch(/^hit/);
    expect(heard).toEqual(['forward', 'hit']);
    expect(warnings).toEqual([
      ["A listener of 'request' threw: Error: mine", expect.objectContaining({ code: 'WRN_RRC_LISTENER' })],
    ]);
  });

  test('of a warning whose listener throws or rejects becomes a process warning about that listener', async () => {
    const printed: unknown[] = [];
    const print = jest.spyOn(process, 'emitWarning').mockImplementation((...args) => void printed.push(args));
    undo.push(() => print.mockRestore());
    for (const [name, listener] of [
      [
        'thrown',
        () => {
          throw new Error('thrown by a test');
        },
      ],
      ['rejected', () => Promise.reject(new Error('rejected by a test'))],
    ] as const) {
      newCache({ warnings: true, ttl: 300 }).on('warning', listener);
      await new Promise(setImmediate);
      expect(printed.splice(0)).toEqual([
        [
          `A listener of 'warning' threw: Error: ${name} by a test`,
          expect.objectContaining({ code: 'WRN_RRC_LISTENER' }),
        ],
      ]);
    }
  });

  test('does not reach a listener that was removed as often as it was added', async () => {
    const { cache, settled } = await shop();
    const heard: string[] = [];
    const listener = ({ result }: RequestEvent): unknown => heard.push(result);
    cache.on('request', listener).on('request', listener).off('request', listener);
    await settled();
    cache.off('request', listener);
    await settled();
    expect(heard).toEqual(['miss']);
  });
});

describe('channels and logs', () => {
  /** None of these may appear in a message. */
  const SECRETS = ['s3cret', 'hunter2', 'tag-of-42'];
  const traffic = async (options: { showKey?: boolean } = {}): Promise<void> => {
    const { settled, cache } = await shop({
      name: 'shop',
      tags: ['tag-of-42'],
      storeWhen: (req) => {
        if (req.url?.includes('throws')) throw new Error(`no: ${req.url}`);
        return true;
      },
      ...options,
    });
    for (const path of ['/text?token=s3cret', '/text?token=s3cret', '/text?throws&token=s3cret', '/behind']) {
      await settled({ path, headers: { 'X-Secret': 'hunter2' } });
    }
    await settled({ path: '/session?token=s3cret', headers: { Cookie: 'session=hunter2' } });
    await cache.purge({ tag: 'tag-of-42' });
  };

  test('get every event without keys, tags and messages of errors that may quote anything', async () => {
    const messages = published();
    const lines = logged();
    await traffic();
    const names = messages.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['request', 'fault', 'guard', 'store', 'purge']));
    expect(messages.every(({ message }) => message.cache === 'shop')).toBe(true);
    // The cache's own requests are events as well.
    const requests = messages
      .filter(({ name, message }) => name === 'request' && !message.refresh)
      .map(({ message }) => message);
    expect(requests.slice(0, 2)).toMatchObject([{ result: 'miss' }, { result: 'hit' }]);
    expect(requests[0]!.keyHash).toMatch(/^[0-9a-f]{12}$/);
    expect(requests[1]!.keyHash).toBe(requests[0]!.keyHash);
    expect(messages).toContainEqual({
      name: 'fault',
      message: {
        cache: 'shop',
        step: 'option',
        code: 'error',
        option: 'storeWhen',
        message: 'Option "storeWhen" threw Error (showKey: true logs its message)',
      },
    });
    expect(messages.filter(({ name }) => name === 'guard').map(({ message }) => message)).toEqual([
      {
        cache: 'shop',
        keyHash: expect.stringMatching(/^[0-9a-f]{12}$/),
        read: ['cookie'],
        detail: 'depends-on-credentials: cookie',
        advice: expect.stringContaining('name the caller: vary: { caller:'),
      },
    ]);
    expect(lines.join('\n')).toMatch(
      /redis-response-cache:request GET \/\w+ #[0-9a-f]{12} 200 shop; hit; ttl=\d+ \(lookup \d/,
    );
    expect(lines.length).toBeGreaterThanOrEqual(messages.length);
    for (const secret of SECRETS) {
      expect(JSON.stringify(messages)).not.toContain(secret);
      expect(lines.join()).not.toContain(secret);
    }
  });

  test('get keys, tags and messages of errors with `showKey`, but no header values', async () => {
    const messages = published();
    const lines = logged();
    await traffic({ showKey: true });
    for (const text of [JSON.stringify(messages), lines.join()]) {
      expect(text).toContain('token=s3cret');
      expect(text).toContain('tag-of-42');
      expect(text).toContain('no: /text?throws');
      expect(text).not.toContain('hunter2');
    }
  });

  test.each([false, true])(
    'get the path of a request without its query, with showKey: %p',
    async (showKey) => {
      const messages = published();
      const lines = logged();
      const { settled } = await shop({ showKey });
      for (const path of ['/text', '/text?token=s3cret', 'http://user:hunter2@a.example/text?token=s3cret'])
        await settled({ path, headers: { Host: 'a.example' } });
      const requests = messages.filter(({ name }) => name === 'request').map(({ message }) => message);
      expect(requests.map(({ path }) => path)).toEqual(['/text', '/text', '/text']);
      const logs = lines.filter((line) => line.includes(':request'));
      expect(logs).toHaveLength(3);
      for (const line of logs) {
        expect(line).toMatch(/ GET \/text (?:#|GET )/);
        expect(line).not.toContain('hunter2');
      }
    },
  );

  test('get nothing when no log is enabled and nobody subscribed', async () => {
    const lines = logged();
    debug.disable();
    const { settled } = await shop();
    await settled();
    expect(lines).toEqual([]);
    expect(NAMES.some((name) => channel(`redis-response-cache:${name}`).hasSubscribers)).toBe(false);
  });

  test('are all named in docs/observability.md', () => {
    const text = readFileSync('docs/observability.md', 'utf8');
    for (const name of NAMES) expect(text).toContain(`redis-response-cache:${name}`);
  });
});
