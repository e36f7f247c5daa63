import { createHash } from 'node:crypto';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import compression from 'compression';
import type { CacheOptions } from '../../src/index.ts';
import {
  accepting,
  BODY,
  BR,
  compressed,
  expectHit,
  FIELDS,
  isHit,
  plain,
  ROWS,
  sends,
} from '../responses/support/compressed.ts';
import { expressApps, redisBacked, stage } from '../responses/support/stage.ts';
import { frameworks, type Handler, type Layer } from '../support/app.ts';
import { askOnce } from '../support/client.ts';
import { awake } from '../support/until.ts';

/* Bodies stored in content codings: made once, sent to each client in the one that it reads, byte for byte the app's. */

const node = frameworks.find(({ name }) => name === 'node:http') as (typeof frameworks)[number];

describe.each(frameworks)('$name', (on) => {
  test('each client gets what it reads, of one stored response', async () => {
    const { get, runs } = await compressed(sends(), {}, on);
    const first = await get(accepting(BR));
    expect([first.header('content-encoding'), first.header('etag'), first.header('vary')]).toEqual([
      undefined,
      '"v1"',
      undefined,
    ]);
    expect(first.bytes.equals(BODY)).toBe(true);

    const codings: [string | undefined, string | undefined][] = [
      [BR, 'br'],
      ['gzip', 'gzip'],
      ['x-gzip', 'gzip'],
      ['br;q=0.1, gzip', 'gzip'],
      ['*', 'br'],
      ['deflate', undefined],
      ['', undefined],
      [undefined, undefined],
      ['gzip;q=0, identity', undefined],
      ['zstd, nonsense;;', undefined],
    ];
    const tags = new Map<string | undefined, string | undefined>();
    for (const [field, coding] of codings) {
      const answer = await get(field === undefined ? {} : accepting(field));
      expectHit(answer, coding);
      tags.set(coding, answer.header('etag'));
    }
    expect(tags.get(undefined)).toBe('"v1"');
    expect(tags.get('br')).toMatch(/^"v1-br-[0-9a-f]{8}"$/);
    expect(tags.get('gzip')).toMatch(/^"v1-gzip-[0-9a-f]{8}"$/);
    expect(runs()).toBe(1);
  });

  test('compression() in front leaves what is encoded alone, and encodes what is not', async () => {
    const cache = redisBacked({ compress: { gzip: false } });
    const squeeze = compression() as unknown as Layer;
    const server = await stage(on, [squeeze, cache], sends());
    const miss = await askOnce(server.port, accepting('gzip'));
    await cache.idle();
    expect(miss.header('content-encoding')).toBe('gzip');
    expect(gunzipSync(miss.bytes).equals(BODY)).toBe(true);
    const [br, gzip, none] = [
      await askOnce(server.port, accepting('br')),
      await askOnce(server.port, accepting('gzip')),
      await askOnce(server.port),
    ] as const;
    expectHit(br, 'br');
    expectHit(none, undefined);
    expect(isHit(gzip)).toBe(true);
    expect(gunzipSync(gzip.bytes).equals(BODY)).toBe(true);
    for (const answer of [br, gzip, none]) expect(answer.header('vary')).toBe('Accept-Encoding');
    expect(server.runs()).toBe(1);
  });

  test('what compression() behind has made or declined is stored as it is', async () => {
    const cache = redisBacked({ compress: { threshold: 0 } });
    const squeeze = compression() as unknown as Layer;
    const server = await stage(on, [cache, squeeze], sends());
    for (let i = 0; i < 2; i++) {
      for (const field of ['gzip', 'identity']) {
        const answer = await askOnce(server.port, accepting(field));
        await cache.idle();
        expect(isHit(answer)).toBe(i > 0);
        expect(answer.header('content-encoding')).toBe(field === 'gzip' ? 'gzip' : undefined);
        expect(answer.header('vary')).toBe('Accept-Encoding');
        expect(answer.header('etag')).toBe('"v1"');
        expect(plain(answer).equals(BODY)).toBe(true);
      }
    }
    expect(server.runs()).toBe(2);
  });

  test('HEAD has the fields of GET', async () => {
    const { get } = await compressed(sends(), {}, on);
    await get();
    for (const asked of [accepting(BR), accepting('gzip'), {}]) {
      const [got, head] = [await get(asked), await get({ method: 'HEAD', ...asked })];
      expect(head.body.length + head.rest.length).toBe(0);
      for (const name of ['content-encoding', 'content-length', 'etag', 'vary', 'content-type'])
        expect(head.header(name)).toBe(got.header(name));
    }
  });
});

describe.each(expressApps)('$name', (on) => {
  test('res.json: the weak entity tag that Express makes stands for all codings', async () => {
    const { get, runs } = await compressed((_req, res) => res.json(ROWS), {}, on);
    const first = await get(accepting(BR));
    const etag = first.header('etag') as string;
    expect(etag).toMatch(/^W\//);
    for (const [field, coding] of [
      [BR, 'br'],
      ['gzip', 'gzip'],
      ['identity', undefined],
    ] as const) {
      const answer = await get(accepting(field));
      expectHit(answer, coding, first.bytes);
      expect(answer.header('etag')).toBe(etag);
      const again = await get(accepting(field, { 'if-none-match': etag }));
      expect([again.status, again.header('etag'), again.rest.length]).toEqual([304, etag, 0]);
      expect(again.header('vary')).toBe('Accept-Encoding');
    }
    expect(runs()).toBe(1);
  });
});

describe('conditions and ranges are about the representation that is sent', () => {
  const tagged = async () => {
    const server = await compressed(sends());
    await server.get();
    const tags = [];
    for (const field of ['br', 'gzip', 'identity'])
      tags.push((await server.get(accepting(field))).header('etag'));
    return { ...server, tags: tags as [string, string, string] };
  };

  test('If-None-Match: the tag of a coding that the client accepts', async () => {
    const { get, tags, runs } = await tagged();
    const [br, gzip, identity] = tags;
    const cases: [asked: string, tag: string, status: number, etag: string][] = [
      ['br', br, 304, br],
      ['br', `"x", W/${br}`, 304, br],
      ['br', '*', 304, br],
      // What it has from before, in a form that it accepts: nothing has to be sent again.
      ['br, gzip', gzip, 304, gzip],
      [BR, identity, 304, identity],
      ['gzip', br, 200, gzip],
      ['identity', br, 200, identity],
      ['br, identity;q=0', identity, 200, br],
      [BR, '"v1-br"', 200, br],
      [BR, '"v2"', 200, br],
    ];
    for (const [field, tag, status, etag] of cases) {
      const answer = await get(accepting(field, { 'if-none-match': tag }));
      expect([field, tag, answer.status, answer.header('etag')]).toEqual([field, tag, status, etag]);
      expect(answer.header('vary')).toBe('Accept-Encoding');
      if (status === 304) {
        expect(answer.header('content-encoding')).toBeUndefined();
        expect(answer.rest.length).toBe(0);
      } else expect(plain(answer).equals(BODY)).toBe(true);
    }
    expect(runs()).toBe(1);
  });

  test('an entity tag of the app that looks like one of a coding is its own', async () => {
    const { get } = await compressed(sends({ ...FIELDS, ETag: '"v1-br"' }));
    await get();
    const br = await get(accepting('br'));
    expect(br.header('etag')).toMatch(/^"v1-br-br-[0-9a-f]{8}"$/);
    expectHit(await get(accepting('br', { 'if-none-match': '"v1"' })), 'br');
    expect((await get({ headers: { 'if-none-match': '"v1-br"' } })).status).toBe(304);
  });

  test('a Range is of the encoded bytes, in one part and in several', async () => {
    const { get } = await tagged();
    const whole = await get(accepting('br'));
    const size = whole.body.length;
    const part = await get(accepting('br', { range: 'bytes=10-29' }));
    expect([part.status, part.header('content-encoding'), part.header('content-range')]).toEqual([
      206,
      'br',
      `bytes 10-29/${size}`,
    ]);
    expect(part.bytes.equals(whole.bytes.subarray(10, 30))).toBe(true);
    const rest = await get(
      accepting('br', { range: 'bytes=30-', 'if-range': whole.header('etag') as string }),
    );
    expect(rest.status).toBe(206);
    const first = await get(accepting('br', { range: 'bytes=0-29' }));
    expect(brotliDecompressSync(Buffer.concat([first.bytes, rest.bytes])).equals(BODY)).toBe(true);
    const beyond = await get(accepting('br', { range: `bytes=${size}-` }));
    expect([beyond.status, beyond.header('content-range')]).toEqual([416, `bytes */${size}`]);
    const several = await get(accepting('br', { range: 'bytes=0-1,-2' }));
    expect(several.header('content-type')).toMatch(/^multipart/);
    expect(several.body.includes(`Content-Range: bytes 0-1/${size}`)).toBe(true);
    const ofPlain = await get(accepting('identity', { range: 'bytes=100-199' }));
    expect([ofPlain.status, ofPlain.header('content-range')]).toEqual([206, `bytes 100-199/${BODY.length}`]);
    expect(ofPlain.bytes.equals(BODY.subarray(100, 200))).toBe(true);
  });

  test('If-Range names the form that the client has a part of', async () => {
    const { get, tags } = await tagged();
    const [br, gzip, identity] = tags;
    const resumed = await get(accepting(BR, { range: 'bytes=500-', 'if-range': identity }));
    expect([resumed.status, resumed.header('content-encoding')]).toEqual([206, undefined]);
    expect(resumed.bytes.equals(BODY.subarray(500))).toBe(true);
    const zipped = await get(accepting(BR, { range: 'bytes=5-', 'if-range': gzip }));
    expect([zipped.status, zipped.header('content-encoding')]).toEqual([206, 'gzip']);
    // One that it cannot have had in a form that it accepts now.
    expectHit(await get(accepting('gzip', { range: 'bytes=5-', 'if-range': br })), 'gzip');
  });

  test('If-Range with a date is no strong validator where there are several forms', async () => {
    const modified = 'Thu, 01 Jan 2026 00:00:00 GMT';
    const { get } = await compressed(sends({ ...FIELDS, 'Last-Modified': modified }));
    await get();
    for (const [field, coding] of [
      ['br', 'br'],
      ['identity', undefined],
    ] as const)
      expectHit(await get(accepting(field, { range: 'bytes=5-', 'if-range': modified })), coding);
  });
});

describe('what is stored as it is', () => {
  const digest = `sha-256=:${createHash('sha256').update(BODY).digest('base64')}:`;
  test.each<[string, Handler, CacheOptions?]>([
    ['no-transform', sends({ ...FIELDS, 'Cache-Control': 'max-age=60, no-transform' })],
    [
      'no-transform in a field that is obeyed',
      sends({ ...FIELDS, 'CDN-Cache-Control': 'max-age=60, no-transform' }),
      { targeted: ['CDN-Cache-Control'] },
    ],
    ['a digest', sends({ ...FIELDS, 'Content-Digest': digest })],
    ['no text', sends({ ...FIELDS, 'Content-Type': 'image/png' })],
    ['a small body', sends(FIELDS, Buffer.from('{"small":true}'))],
    ['a threshold', sends(), { compress: { threshold: BODY.length + 1 } }],
    ['off', sends(), { compress: false }],
    ['a 204', (_req, res) => res.writeHead(204, FIELDS).end()],
    [
      'what gets no smaller',
      sends(
        FIELDS,
        Buffer.concat(Array.from({ length: 99 }, (_, i) => createHash('sha512').update(`${i}`).digest())),
      ),
    ],
  ])('%s', async (_what, handler, options = {}) => {
    const { get, runs } = await compressed(handler, options);
    const miss = await get(accepting(BR));
    const hit = await get(accepting(BR));
    expect(isHit(hit)).toBe(true);
    expect([hit.header('content-encoding'), hit.header('vary'), hit.header('etag')]).toEqual([
      undefined,
      undefined,
      '"v1"',
    ]);
    expect(hit.bytes.equals(miss.bytes)).toBe(true);
    expect(hit.header('content-digest')).toBe(miss.header('content-digest'));
    expect(runs()).toBe(1);
  });

  test('a threshold as long as the body', async () => {
    const { get } = await compressed(sends(), { compress: { threshold: BODY.length } });
    await get();
    expectHit(await get(accepting('br')), 'br');
  });

  test('two codings that together are larger: one is kept', async () => {
    // A byte of every two is random.
    const noise = Buffer.concat(
      Array.from({ length: 200 }, (_, i) => createHash('sha512').update(`${i}`).digest()),
    );
    const body = Buffer.from(noise.toString('hex').slice(0, 8192));
    const { get } = await compressed(sends(FIELDS, body));
    await get();
    expectHit(await get(accepting('br')), 'br', body);
    expectHit(await get(accepting('gzip')), undefined, body);
  });
});

test('If-Match reaches the app with its own entity tags', async () => {
  const seen: unknown[] = [];
  const { get } = await compressed((req, res) => {
    seen.push(
      req.headers['if-match'],
      req.headersDistinct['if-match'],
      req.rawHeaders.join().match(/"[^,]*"/g),
    );
    res.writeHead(200, FIELDS).end(BODY);
  });
  await get();
  const [br, gzip] = [await get(accepting('br')), await get(accepting('gzip'))].map(({ header }) =>
    header('etag'),
  );
  const given = `${br}, W/${gzip}, "other-br", "v1"`;
  const own = '"v1", W/"v1", "other-br", "v1"';
  for (const method of ['PUT', 'GET']) {
    seen.length = 0;
    await get({ method, headers: { 'If-Match': given } });
    expect(seen).toEqual([own, [own], own.replace('W/', '').split(', ')]);
  }
});

test('a client that says no-transform gets what the app sent', async () => {
  const { get } = await compressed(sends());
  await get();
  expectHit(await get(accepting('br', { 'cache-control': 'no-transform' })), undefined);
});

test('a stored 404 is sent in the coding of the client, whatever its conditions', async () => {
  const { get, runs } = await compressed(sends(FIELDS, BODY, 404));
  await get();
  for (const more of [{}, { 'if-none-match': '"v1"' }, { range: 'bytes=0-1' }]) {
    const answer = await get(accepting('br', more));
    expect(answer.status).toBe(404);
    expectHit(answer, 'br');
  }
  expect(runs()).toBe(1);
});

test("the app's Vary goes on selecting, and Accept-Encoding does not", async () => {
  const { get, runs } = await compressed((req, res) =>
    res.writeHead(200, { ...FIELDS, Vary: 'X-Lang' }).end(`${req.headers['x-lang']}${BODY}`),
  );
  for (const lang of ['de', 'en']) await get(accepting(BR, { 'x-lang': lang }));
  for (const lang of ['de', 'en']) {
    for (const field of ['br', 'gzip', 'identity']) {
      const answer = await get(accepting(field, { 'x-lang': lang }));
      expect(answer.header('vary')).toBe('X-Lang, Accept-Encoding');
      expect(String(plain(answer))).toBe(`${lang}${BODY}`);
      expect(isHit(answer)).toBe(true);
    }
  }
  expect(runs()).toBe(2);
});

test('maxBodySize counts what the app sent', async () => {
  const { get, runs } = await compressed(sends(), { maxBodySize: BODY.length - 1 });
  for (let i = 0; i < 2; i++) expect(isHit(await get(accepting('br')))).toBe(false);
  expect(runs()).toBe(2);
});

test('a route behind may compress what the cache in front does not', async () => {
  const cache = redisBacked();
  const server = await stage(node, [cache, cache.with({ compress: true })], sends());
  await askOnce(server.port);
  await cache.idle();
  expectHit(await askOnce(server.port, accepting('br')), 'br');
});

test('followers get what they read, and the one that fills what the app sent', async () => {
  let finish = (): void => {};
  const asked = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const { port, runs, ran } = await compressed(async (_req, res) => {
    await asked;
    res.writeHead(200, FIELDS).end(BODY);
  });
  const leader = askOnce(port, accepting('br'));
  await ran(1);
  const followers = ['br', 'gzip', 'identity', ''].map((field) => askOnce(port, accepting(field)));
  // They wait by then.
  await awake(100);
  finish();
  expect((await leader).header('content-encoding')).toBeUndefined();
  const answers = await Promise.all(followers);
  expect(answers.map(({ header }) => header('content-encoding'))).toEqual([
    'br',
    'gzip',
    undefined,
    undefined,
  ]);
  for (const answer of answers) expect(plain(answer).equals(BODY)).toBe(true);
  expect(runs()).toBe(1);
});
