import { createSecretKey } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { SealingKey } from '../../src/codec/encryption.ts';
import { decode, encode } from '../../src/codec/format.ts';
import { Keyring } from '../../src/codec/keyring.ts';
import type { FaultEvent } from '../../src/observe/outcome.ts';
import { HEAD } from '../support/stored-head.ts';

/* What a process can read of what others have stored, what counts as damage, and what is told of it. */

const ID = 'GET http://h/a?b=c';
const PLAIN = encode(HEAD, [Buffer.from('the body')]);
const STORED = decode({ bytes: PLAIN });

function keyOf(id: string, fill: number): SealingKey {
  return { id, key: createSecretKey(Buffer.alloc(32, fill)) };
}
const [FIRST, SECOND] = [keyOf('one', 1), keyOf('two', 2)];

function ringOf(keys: readonly SealingKey[], prefix = 'rrc:') {
  const faults: FaultEvent[] = [];
  return { ring: new Keyring(keys, prefix, (fault) => faults.push(fault)), faults };
}

/** What another process with these keys has stored. */
const by = (...keys: SealingKey[]): Buffer => ringOf(keys).ring.seal(ID, PLAIN);
const sealed = by(FIRST);
const touched = (at: number): Buffer => {
  const bytes = Buffer.from(sealed);
  bytes[bytes.length + at] = (bytes.at(at) as number) ^ 1;
  return bytes;
};

describe('a value that is read', () => {
  type Row = [what: string, keys: SealingKey[], bytes: Buffer, read: boolean, damage: boolean, code: string];
  test.each<Row>([
    ['plain, without keys', [], PLAIN, true, false, ''],
    ['sealed, with its key', [FIRST], sealed, true, false, ''],
    ['sealed, with its key among others', [SECOND, FIRST], sealed, true, false, ''],
    ['sealed by the first of several', [SECOND], by(SECOND, FIRST), true, false, ''],
    ['sealed, without its key', [SECOND], sealed, false, false, 'unknown-key'],
    ['sealed, without keys', [], sealed, false, false, 'unknown-key'],
    ['sealed, with another key of that name', [keyOf('one', 9)], sealed, false, true, 'tampered'],
    ['sealed, its tag touched', [FIRST], touched(-1), false, true, 'tampered'],
    ['sealed, its body touched', [FIRST], touched(-20), false, true, 'tampered'],
    ['sealed, touched, without its key', [SECOND], touched(-1), false, false, 'unknown-key'],
    ['sealed, cut short', [FIRST], sealed.subarray(0, -1), false, true, 'tampered'],
    ['sealed, its head alone', [FIRST], sealed.subarray(0, 16), false, true, ''],
    ['sealed, its head alone, without keys', [], sealed.subarray(0, 16), false, true, ''],
    ['plain, with keys', [FIRST], PLAIN, false, false, 'unencrypted'],
    ['plain and damaged, with keys', [FIRST], PLAIN.subarray(1), false, true, ''],
    ['plain and damaged, without keys', [], PLAIN.subarray(1), false, true, ''],
    ['nothing', [FIRST], Buffer.alloc(0), false, true, ''],
    ['nothing, without keys', [], Buffer.alloc(0), false, true, ''],
  ])('is %s', (_what, keys, bytes, read, damage, code) => {
    const { ring, faults } = ringOf(keys);
    expect(ring.decode(ID, { bytes })).toEqual(read ? STORED : undefined);
    if (!read) expect(ring.isDamage(bytes)).toBe(damage);
    expect(faults.map((fault) => [fault.step, fault.code])).toEqual(code ? [['decrypt', code]] : []);
  });

  test('is not opened when it was sealed for another cache key or prefix', () => {
    expect(ringOf([FIRST]).ring.decode(`${ID}&d=e`, { bytes: sealed })).toBeUndefined();
    expect(ringOf([FIRST], 'other:').ring.decode(ID, { bytes: sealed })).toBeUndefined();
    expect(ringOf([FIRST], 'rrc').ring.decode(`:${ID}`, { bytes: sealed })).toBeUndefined();
  });

  test('is stale after a soft purge', () => {
    const staleSince = HEAD.bornAt + 10_000;
    const decoded = ringOf([FIRST]).ring.decode(ID, { bytes: sealed, staleSince });
    expect(decoded).toEqual(decode({ bytes: PLAIN, staleSince }));
    expect(decoded).toMatchObject({ purged: true, lifetime: 10_000 });
  });

  test('is described by its head: of a sealed one the id of its key, of any other all but its body', () => {
    const { ring } = ringOf([FIRST]);
    const headOf = (bytes: Buffer) => ({
      head: bytes.subarray(0, ring.headBytes(bytes)),
      length: bytes.length,
    });
    const { ring: plain } = ringOf([]);
    expect(plain.decodeHead(ID, headOf(PLAIN))).toMatchObject({ ...HEAD, body: Buffer.alloc(0) });
    expect(plain.unreadable(headOf(sealed))).toBe('unknown-key');
    expect(ring.unreadable(headOf(PLAIN))).toBe('unencrypted');
    expect(ring.headBytes(sealed)).toBeLessThan(50);
  });
});

describe('a fault', () => {
  test('is reported once a minute, without anything of the stored value', () => {
    const { ring, faults } = ringOf([SECOND]);
    for (let i = 0; i < 100; i++) ring.decode(ID, { bytes: sealed });
    for (let i = 0; i < 100; i++) ring.decode(ID, { bytes: PLAIN });
    expect(faults).toEqual([
      {
        step: 'decrypt',
        code: 'unknown-key',
        message: `the value at ${ID} is encrypted with key one, which \`encrypt\` does not list`,
      },
      {
        step: 'decrypt',
        code: 'unencrypted',
        message: `the value at ${ID} is not encrypted, but \`encrypt\` is on`,
      },
    ]);
  });
});

describe('a cache key', () => {
  test('is sealed, and opened by every process that has the key', () => {
    const name = ringOf([FIRST]).ring.sealName(ID);
    expect(name).toMatch(/^sealed:[A-Za-z0-9+/]+=*$/);
    expect(Buffer.from(name.slice(7), 'base64').includes('http')).toBe(false);
    expect(ringOf([SECOND, FIRST], 'other:').ring.openName(name)).toBe(ID);
    for (const keys of [[], [SECOND], [keyOf('one', 9)]]) {
      expect(ringOf(keys).ring.openName(name)).toBeUndefined();
    }
    expect(ringOf([FIRST]).ring.openName('sealed:!')).toBeUndefined();
  });

  test('is not opened as a stored response, nor a stored response as a cache key', () => {
    const { ring } = ringOf([FIRST]);
    expect(ring.openName(`sealed:${sealed.toString('base64')}`)).toBeUndefined();
    const name = Buffer.from(ring.sealName(ID).slice(7), 'base64');
    expect(ring.decode('@', { bytes: name })).toBeUndefined();
  });

  test('is not changed without keys', () => {
    const { ring } = ringOf([]);
    expect(ring.sealName(ID)).toBe(ID);
    expect(ring.openName(ID)).toBe(ID);
    expect(ring.seal(ID, PLAIN)).toBe(PLAIN);
  });
});
