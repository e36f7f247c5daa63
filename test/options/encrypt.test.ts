import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { redisCache } from '../../src/index.ts';
import { parseSettings } from '../../src/options/parse.ts';
import type { CacheOptions } from '../../src/options/types.ts';
import { refuses, thrownBy } from './support/refusal.ts';

/* The `encrypt` option: which keys are accepted, and that no message shows one. */

const RAW = randomBytes(32);
const parse = (encrypt: unknown) => parseSettings({ encrypt } as CacheOptions).encrypt;
const withKey = (key: unknown) => ({ keys: [{ id: 'a', key }] });

/** Every form in which the key could be printed. */
const FORMS = [
  RAW.toString('hex'),
  RAW.toString('hex').toUpperCase(),
  RAW.toString('base64'),
  RAW.toString('base64url'),
  RAW.toString('latin1'),
  [...RAW.subarray(0, 4)].join(','),
  [...RAW.subarray(0, 4)].join(', '),
  RAW.toString('hex', 0, 4).replace(/(..)(?!$)/g, '$1 '),
];

function expectHidden(text: string): void {
  for (const form of FORMS) expect(text.includes(form)).toBe(false);
}

describe('a key', () => {
  test.each<[string, unknown]>([
    ['bytes', RAW],
    ['an array of bytes', new Uint8Array(RAW)],
    ['hex', RAW.toString('hex')],
    ['hex in capitals', RAW.toString('hex').toUpperCase()],
    ['base64', RAW.toString('base64')],
    ['base64 without padding', RAW.toString('base64').replace('=', '')],
    ['base64url', RAW.toString('base64url')],
  ])('is accepted as %s', (_name, key) => {
    const [parsed] = parse(withKey(key));
    expect(parsed?.id).toBe('a');
    expect(parsed?.key.export()).toEqual(RAW);
  });

  test('stays the same when its array changes later', () => {
    const key = Buffer.from(RAW);
    const [parsed] = parse(withKey(key));
    key.fill(0);
    expect(parsed?.key.export()).toEqual(RAW);
  });

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a number', 32],
    ['an array of numbers', [...RAW]],
    ['a passphrase', 'correct horse battery staple'],
    ['32 characters', 'x'.repeat(32)],
    ['too few bytes', RAW.subarray(1)],
    ['too many bytes', Buffer.concat([RAW, RAW])],
    ['wide numbers', new Uint16Array(RAW)],
    ['hex that is too short', RAW.toString('hex').slice(1)],
    ['hex that is too long', `${RAW.toString('hex')}0`],
    ['base64 of too few bytes', RAW.subarray(1).toString('base64')],
    ['base64 with a line feed', `${RAW.toString('base64')}\n`],
    ['base64 of two alphabets', `${'+_'.repeat(21)}A=`],
  ])('is refused as %s, and not shown', (_name, key) => {
    const shown = key === undefined ? undefined : '***';
    refuses(() => parse(withKey(key)), 'encrypt.keys[0].key', shown, '32 random bytes');
  });
});

describe('the list of keys', () => {
  test('keeps its order and its ids', () => {
    const ids = ['2026-11', '!', '~'.repeat(32)];
    expect(parse({ keys: ids.map((id) => ({ id, key: RAW })) }).map(({ id }) => id)).toEqual(ids);
    expect(parse(undefined)).toEqual([]);
  });

  test.each<[string, unknown, string]>([
    ['true', true, 'encrypt'],
    ['null', null, 'encrypt'],
    ['a key', RAW.toString('hex'), 'encrypt'],
    ['a list', [{ id: 'a', key: RAW }], 'encrypt'],
    ['empty', {}, 'encrypt.keys'],
    ['misspelt', { key: RAW.toString('hex') }, 'encrypt.key'],
    ['no key', { keys: [] }, 'encrypt.keys'],
    ['no list', { keys: RAW }, 'encrypt.keys'],
    ['keys without ids', { keys: [RAW.toString('hex')] }, 'encrypt.keys[0]'],
    ['keys by bytes', { keys: [RAW] }, 'encrypt.keys[0].0'],
    ['another member', { keys: [{ id: 'a', key: RAW, cipher: 'rot13' }] }, 'encrypt.keys[0].cipher'],
    ['no id', { keys: [{ key: RAW }] }, 'encrypt.keys[0].id'],
    ['an empty id', { keys: [{ id: '', key: RAW }] }, 'encrypt.keys[0].id'],
    ['a number as id', { keys: [{ id: 1, key: RAW }] }, 'encrypt.keys[0].id'],
    ['a space in an id', { keys: [{ id: 'a b', key: RAW }] }, 'encrypt.keys[0].id'],
    ['a line feed in an id', { keys: [{ id: 'a\n', key: RAW }] }, 'encrypt.keys[0].id'],
    ['a long id', { keys: [{ id: 'x'.repeat(33), key: RAW }] }, 'encrypt.keys[0].id'],
    ['one id twice', { keys: [withKey(RAW).keys[0], withKey(randomBytes(32)).keys[0]] }, 'encrypt.keys'],
  ])('is refused as %s, and not shown', (_name, encrypt, option) => {
    const error = thrownBy(() => parse(encrypt));
    expect(error.option).toBe(option);
    expect(error.message).toMatch(
      /^(?:Option "encrypt\S*" is (?:\*{3}, but|missing: it) must be |Unknown option "encrypt)/,
    );
    expectHidden(error.message);
  });
});

describe('no key is shown', () => {
  test.each<[string, object]>([
    ['a list of keys', { encryptt: withKey(RAW) }],
    ['bytes', { crypt: { keys: [{ id: 'a', key: RAW }] } }],
    ['an array of bytes', { crypt: { keys: [new Uint8Array(RAW)] } }],
    ['text in hex', { cipher: [RAW.toString('hex')] }],
    ['text in base64', { cipher: RAW.toString('base64') }],
    ['text in base64url', { name: `${RAW.toString('base64url')} ${RAW.toString('base64')}` }],
    ['a text that is called a key', { seal: { key: RAW.toString('latin1') } }],
  ])('in the message about a misplaced option: %s', (_name, options) => {
    expectHidden(thrownBy(() => parseSettings(options)).message);
  });

  test('when a cache is inspected, or refuses it for a route', async () => {
    const encrypt = { keys: [{ id: 'a', key: RAW }] };
    const cache = redisCache({ encrypt });
    for (const thing of [cache, cache.with({ ttl: '5m' }), parse(encrypt)]) {
      expectHidden(inspect(thing, { depth: 20, showHidden: true }));
    }
    expectHidden(JSON.stringify(parse(encrypt)));
    const { message } = thrownBy(() => cache.with({ encrypt } as object));
    expect(message).toContain('Option "encrypt" is cache-wide');
    expectHidden(message);
    await cache.close();
  });
});
