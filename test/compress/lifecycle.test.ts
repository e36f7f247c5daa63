import { randomBytes } from 'node:crypto';
import { brotliCompressSync, constants } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { decode, encode } from '../../src/codec/format.ts';
import type { StoredResponse } from '../../src/codec/stored-response.ts';
import {
  accepting,
  BODY,
  BR,
  compressed,
  expectCoded,
  expectHit,
  FIELDS,
  isHit,
  plain,
  sends,
} from '../responses/support/compressed.ts';
import { type Asked, askOnce } from '../support/client.ts';
import { enveloped, payloadOf } from '../support/envelope.ts';
import { sized } from '../support/long.ts';
import { uniquePrefix } from '../support/prefix.ts';

/* What happens to a compressed response between its fill and its end: refreshes, purges, damage, many at once. */

let redis: Redis;
beforeAll(() => {
  redis = new Redis(process.env.TEST_REDIS_URL as string);
});
afterAll(() => redis.disconnect());

const ALL_FORMS: [asked: Asked, coding: string | undefined][] = [
  [accepting(BR), 'br'],
  [accepting('gzip'), 'gzip'],
  [accepting('identity'), undefined],
];

/** The bytes at the only key under a prefix, and a way to put others there. */
async function stored(prefix: string) {
  const keys = await redis.keys(`${prefix}*}`);
  expect(keys).toHaveLength(1);
  const key = keys[0] as string;
  const bytes = (await redis.hgetBuffer(key, '')) as Buffer;
  return { key, bytes, response: decode({ bytes: payloadOf(bytes) }) as StoredResponse };
}

/** An app whose clock and answers are the test's: a version, confirmed by 304, or an error. */
async function aging(options: object = {}, etag = '"v1"') {
  const state = {
    now: 1_800_000_000_000,
    fails: false,
    more: {} as Record<string, string>,
    asked: [] as unknown[],
  };
  const server = await compressed(
    (req, res) => {
      state.asked.push(req.headers['if-none-match']);
      if (state.fails) return res.writeHead(503).end('failed');
      const fields = { ...FIELDS, ETag: etag, ...state.more };
      if (req.headers['if-none-match'] === etag) return res.writeHead(304, fields).end();
      return res.writeHead(200, fields).end(req.method === 'HEAD' ? '' : BODY);
    },
    { clock: () => state.now, ...options },
  );
  return { ...server, state };
}

describe('validation', () => {
  test.each(ALL_FORMS)('a 304 confirms the encodings, for who sends %j', async (asked, coding) => {
    const prefix = uniquePrefix();
    const { get, state, runs } = await aging({ prefix });
    await get(asked);
    const before = (await stored(prefix)).response;
    state.now += 61_000;
    const confirmed = await get(asked);
    expect(confirmed.header('cache-status')).toMatch(/fwd=stale; fwd-status=304; stored/);
    expectCoded(confirmed, coding);
    // The app is asked by its own entity tag, whatever the client knows it by.
    expect(state.asked).toEqual([undefined, '"v1"']);
    const after = (await stored(prefix)).response;
    expect(after.bornAt).toBeGreaterThan(before.bornAt);
    expect(after.encodings).toEqual(before.encodings);
    expect(after.body.equals(before.body)).toBe(true);
    for (const [form, expected] of ALL_FORMS) expectHit(await get(form), expected);
    expect(runs()).toBe(2);
  });

  test('a client that has the encoded form is told so by a confirmation', async () => {
    const { get, state } = await aging();
    await get();
    const tag = (await get(accepting(BR))).header('etag') as string;
    state.now += 61_000;
    const answer = await get(accepting(BR, { 'if-none-match': tag }));
    expect([answer.status, answer.header('etag'), answer.rest.length]).toEqual([304, tag, 0]);
    expect(state.asked).toEqual([undefined, '"v1"']);
  });

  test('a confirmation that forbids to transform is the end of the encodings', async () => {
    const { get, state, runs } = await aging();
    await get();
    state.now += 61_000;
    state.more = { 'Cache-Control': 'max-age=60, no-transform' };
    expect((await get(accepting(BR))).header('cache-status')).toMatch(/fwd-status=304/);
    for (const hit of [false, true]) {
      const answer = await get(accepting(BR));
      expect([isHit(answer), answer.header('content-encoding')]).toEqual([hit, undefined]);
      expect(answer.bytes.equals(BODY)).toBe(true);
    }
    expect(runs()).toBe(3);
  });

  test.each(ALL_FORMS)('stale-if-error, for who sends %j', async (asked, coding) => {
    const { get, state } = await aging({ staleIfError: '1h' });
    await get();
    state.now += 61_000;
    state.fails = true;
    const answer = await get(asked);
    expect(answer.header('cache-status')).toMatch(/fwd-status=503; detail=stale-if-error/);
    expectCoded(answer, coding);
  });

  test.each(ALL_FORMS)('originTimeout, for who sends %j', async (asked, coding) => {
    const { get, state } = await aging({ staleIfError: '1h', originTimeout: '1s' }, 'W/"v1"');
    await get();
    state.now += 61_000;
    state.fails = true;
    const answer = await get(asked);
    expect(answer.header('cache-status')).toMatch(/detail=stale-if-error/);
    expectCoded(answer, coding);
  });

  test('what is refreshed behind is compressed anew', async () => {
    let version = 0;
    const state = { now: 1_800_000_000_000 };
    const { get } = await compressed(
      (_req, res) => res.writeHead(200, { ...FIELDS, ETag: `"v${++version}"` }).end(`${version}${BODY}`),
      { clock: () => state.now, staleWhileRevalidate: '1h' },
    );
    await get();
    state.now += 61_000;
    const stale = await get(accepting(BR));
    expect(stale.header('cache-status')).toMatch(/detail=stale-while-revalidate/);
    expect(String(plain(stale))).toBe(`1${BODY}`);
    for (const [form, coding] of ALL_FORMS) expectHit(await get(form), coding, Buffer.from(`2${BODY}`));
  });
});

test('only-if-cached is answered in each coding', async () => {
  const { get } = await compressed(sends(), { key: () => 'one' });
  await get();
  for (const [{ headers }, coding] of ALL_FORMS) {
    expectHit(await get({ headers: { ...headers, 'cache-control': 'only-if-cached' } }), coding);
  }
});

describe.each<[string, object]>([
  ['Redis', {}],
  ['the store in process', { redis: undefined }],
])('purges in %s', (_store, options) => {
  test('a purge while the body is being compressed revokes its right to be stored', async () => {
    const body = Buffer.from(randomBytes(150_000).toString('hex'));
    const { port, cache, events, runs } = await compressed(sends(FIELDS, body), {
      compress: { br: { quality: 11 } },
      ...options,
    });
    // The client waits for nothing.
    expect((await askOnce(port, accepting(BR))).bytes.equals(body)).toBe(true);
    expect(events).toEqual([]);
    await cache.purge({ url: 'http://test.example/' });
    expect(events).toEqual([]);
    await cache.idle();
    expect(events).toMatchObject([{ stored: false, detail: 'purged' }]);
    await askOnce(port);
    expect(runs()).toBe(2);
  });

  test('a soft purge makes it stale', async () => {
    const { get, cache, runs } = await compressed(sends(), options);
    await get();
    expectHit(await get(accepting(BR)), 'br');
    expect(await cache.purge({ url: 'http://test.example/' }, { soft: true })).toBe(1);
    expect((await get(accepting(BR))).header('cache-status')).toMatch(/fwd=stale/);
    expect(runs()).toBe(2);
  });
});

describe('damage', () => {
  /** Puts a value there whose sums and lengths are right, but which holds something else. */
  async function forged(change: (response: StoredResponse) => StoredResponse) {
    const prefix = uniquePrefix();
    const server = await compressed(sends(), { prefix });
    await server.get();
    const { key, response } = await stored(prefix);
    const changed = change(response);
    await redis.hset(key, '', enveloped(encode(changed, [changed.body])));
    return server;
  }
  const bomb = brotliCompressSync(Buffer.alloc(50_000_000), {
    params: { [constants.BROTLI_PARAM_QUALITY]: 1 },
  });
  const only = (body: Buffer, size: number) => (response: StoredResponse) =>
    ({ ...response, body, encodings: { size, list: [['br', body.length]] } }) as StoredResponse;

  test.each<[string, (response: StoredResponse) => StoredResponse]>([
    ['that is in no coding', only(Buffer.from('no brotli'), BODY.length)],
    ['that is shorter than it says', only(brotliCompressSync(BODY), BODY.length + 1)],
    ['that is longer than it says', only(brotliCompressSync(BODY), BODY.length - 1)],
    ['that would fill the memory', only(bomb, 50_000_000)],
    ['that would fill the memory, and hides it', only(bomb, BODY.length)],
    ['that claims more than there can be', only(brotliCompressSync(BODY), Number.MAX_SAFE_INTEGER)],
  ])('a body %s is a miss, an event and a rewrite for who reads no coding', async (_what, change) => {
    const { get, faults, runs } = await forged(change);
    const answer = await get();
    expect([isHit(answer), answer.status]).toEqual([false, 200]);
    expect(answer.bytes.equals(BODY)).toBe(true);
    expect(faults).toEqual([
      { step: 'decode', code: 'corrupt', message: 'a damaged value', key: expect.any(String) },
    ]);
    expectHit(await get(), undefined);
    expect(runs()).toBe(2);
  });

  test('HEAD, and who has it already, need no bytes', async () => {
    const { get, faults, runs } = await forged(only(Buffer.from('no brotli'), BODY.length));
    expect((await get({ method: 'HEAD' })).header('content-length')).toBe(String(BODY.length));
    expect((await get({ headers: { 'if-none-match': '"v1"' } })).status).toBe(304);
    expect([faults.length, runs()]).toEqual([0, 1]);
  });
});

test('the bodies of many fills at once are all compressed, a few at a time', async () => {
  const { port, cache } = await compressed((req, res) => res.writeHead(200, FIELDS).end(`${req.url}${BODY}`));
  const paths = Array.from({ length: 20 }, (_, i) => `/${i}`);
  await Promise.all(paths.map((path) => askOnce(port, path)));
  await cache.idle();
  const answers = await Promise.all(paths.map((path) => askOnce(port, { path, ...accepting(BR) })));
  answers.forEach((answer, i) => {
    expectHit(answer, 'br', Buffer.from(`/${i}${BODY}`));
  });
});

test('the lease is renewed for as long as it takes', async () => {
  const large = Buffer.from(randomBytes(450_000).toString('hex'));
  const { get } = await compressed(sends(FIELDS, large), {
    compress: { br: { quality: 11 }, gzip: false },
    collapse: { lease: 1000 },
  });
  await get();
  expectHit(await get(accepting(BR)), 'br', large);
});

test('whatever the body and whatever the client accepts, it gets the bytes of the app', async () => {
  let body = BODY;
  let caching = '';
  const { get } = await compressed(
    (req, res) => res.writeHead(200, { ...FIELDS, ETag: `"${req.url}"`, 'Cache-Control': caching }).end(body),
    { compress: { threshold: 0 } },
  );
  const coding = fc.constantFrom('br', 'gzip', 'x-gzip', 'zstd', 'identity', '*', 'deflate', 'GZIP');
  const weight = fc.constantFrom('', ';q=0', ';q=1', ';q=0.5', ' ; q=0.001', ';q=2', ';x');
  const field = fc.oneof(
    fc
      .array(
        fc.tuple(coding, weight).map((parts) => parts.join('')),
        { maxLength: 5 },
      )
      .map((all) => all.join(', ')),
    fc.string({ unit: fc.constantFrom(...'gzipbr;q=01., *"\t') }),
  );
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 2000 }).map((all) => Buffer.from(all)),
    fc
      .tuple(fc.string({ minLength: 1 }), fc.nat(2000))
      .map(([text, times]) => Buffer.from(text.repeat(times))),
  );
  let n = 0;
  const sample = fc.record({
    bytes,
    fields: fc.array(fc.option(field), { minLength: 1, maxLength: 4 }),
    directive: fc.constantFrom('max-age=60', 'max-age=60, no-transform'),
  });
  const run = fc.asyncProperty(sample, async ({ bytes, fields, directive }) => {
    [body, caching] = [bytes, directive];
    const path = `/${n++}`;
    await get({ path });
    for (const accepted of fields) {
      const asked = accepted === null ? {} : accepting(accepted);
      const answer = await get({ path, ...asked });
      expect(isHit(answer)).toBe(true);
      expect(plain(answer).equals(bytes)).toBe(true);
      expect(answer.header('content-length')).toBe(String(answer.body.length));
      const used = answer.header('content-encoding');
      if (used) expect((accepted ?? '').toLowerCase()).toMatch(used === 'br' ? /br|\*/ : /gzip|\*/);
      if (directive !== 'max-age=60') expect(used).toBeUndefined();
      // Its parts make the whole.
      const middle = Math.floor(answer.body.length / 2);
      if (middle === 0) continue;
      const parts = [`bytes=0-${middle - 1}`, `bytes=${middle}-`].map((range) => {
        const condition = { range, 'if-range': answer.header('etag') as string };
        return get({ path, headers: { ...asked.headers, ...condition } });
      });
      const got = await Promise.all(parts);
      expect(got.map(({ status }) => status)).toEqual([206, 206]);
      expect(Buffer.concat(got.map((part) => part.bytes)).equals(answer.bytes)).toBe(true);
    }
  });
  await fc.assert(run, { seed: 9110, numRuns: sized(20, 60) });
});
