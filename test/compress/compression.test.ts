import { randomBytes } from 'node:crypto';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { decodeBody, encodeBody } from '../../src/codec/compression.ts';
import { parsePolicy } from '../../src/options/parse.ts';

/* A body in content codings: which are kept, and how many bodies are encoded at once. */

const BOTH = parsePolicy({ compress: true }).compress!;
const SLOW = parsePolicy({ compress: { br: { quality: 11 }, gzip: false } }).compress!;
const TEXT = Buffer.from('a text that is repeated. '.repeat(200));
const hex = (bytes: number): Buffer => Buffer.from(randomBytes(bytes / 2).toString('hex'));

test('a body in chunks is encoded in both codings, the preferred one first', async () => {
  const made = await encodeBody(BOTH, [TEXT.subarray(0, 100), TEXT.subarray(100)], 0);
  if (!made) throw new Error('not encoded');
  const [br, gzip] = made.chunks as [Buffer, Buffer];
  expect(made.encodings).toEqual({
    size: TEXT.length,
    list: [
      ['br', br.length],
      ['gzip', gzip.length],
    ],
  });
  expect(brotliDecompressSync(br).equals(TEXT)).toBe(true);
  expect(gunzipSync(gzip).equals(TEXT)).toBe(true);
  expect((await decodeBody('br', br, TEXT.length)).equals(TEXT)).toBe(true);
  expect((await decodeBody('gzip', gzip, TEXT.length)).equals(TEXT)).toBe(true);
});

test.each<[string, Buffer]>([
  ['nothing', Buffer.alloc(0)],
  ['less than the threshold', TEXT.subarray(0, 1023)],
  ['noise', randomBytes(5000)],
])('%s is not encoded', async (_what, body) => {
  expect(await encodeBody(BOTH, [body], 0)).toBeUndefined();
});

test('an encoding is dropped when all together would be larger than the body', async () => {
  const made = await encodeBody(BOTH, [hex(20_000)], 0);
  expect(made?.encodings.list.map(([coding]) => coding)).toEqual(['br']);
});

test('two bodies are encoded at a time, and others wait for at most their limit', async () => {
  const order: string[] = [];
  const note = (name: string) => (made: unknown) => order.push(`${name} ${made ? 'encoded' : 'left'}`);
  const slow = [1, 2].map((n) => encodeBody(SLOW, [hex(200_000)], 0).then(note(`slow ${n}`)));
  const short = encodeBody(BOTH, [TEXT], 1).then(note('short'));
  const long = ['third', 'fourth'].map((name) => encodeBody(BOTH, [TEXT], 60_000).then(note(name)));
  await short;
  expect(order).toEqual(['short left']);
  await Promise.all([...slow, ...long]);
  expect(order[1]).toMatch(/^slow . encoded$/);
  expect(order.slice(1).sort()).toEqual([
    'fourth encoded',
    'slow 1 encoded',
    'slow 2 encoded',
    'third encoded',
  ]);
  // Every slot was released.
  expect(await encodeBody(BOTH, [TEXT], 0)).toBeDefined();
});

test.each<[string, Buffer, number]>([
  ['is no coding', Buffer.from('text'), 4],
  ['is cut off', Buffer.from([0x1f, 0x8b, 8]), 4],
])('a body that %s cannot be decoded', async (_what, bytes, length) => {
  await expect(decodeBody('gzip', bytes, length)).rejects.toThrow();
});

test('decoding stops when the body is longer than stated', async () => {
  const made = await encodeBody(BOTH, [Buffer.alloc(1_000_000)], 0);
  const br = made?.chunks[0] as Buffer;
  await expect(decodeBody('br', br, 1000)).rejects.toMatchObject({ code: 'ERR_BUFFER_TOO_LARGE' });
});
