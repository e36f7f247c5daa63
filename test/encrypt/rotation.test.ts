import { describe, expect, test } from '@jest/globals';
import { uniquePrefix } from '../support/prefix.ts';
import { BODY, deploy, direct, keyOf, keysOf, sealedBy } from './support/app.ts';

/* Processes that share a Redis and not all keys: what one cannot read is a miss, and never damage. */

const HIT = 'hit; ttl';
const MISS = 'fwd=uri-miss; stored';

describe('a new key', () => {
  test('takes the place of the old one without a miss', async () => {
    const prefix = uniquePrefix();
    const steps = [['old'], ['old', 'new'], ['new', 'old'], ['new']];
    let running = await deploy({ prefix, ...sealedBy('old') });
    await running.ask('/from-old');
    // In each step some processes are still in the one before.
    for (const keys of steps.slice(1)) {
      const next = await deploy({ prefix, ...sealedBy(...keys) });
      const path = `/from-${keys.join('-')}`;
      expect((await next.ask(path)).status).toBe(MISS);
      expect((await running.ask(path)).status).toBe(HIT);
      if (keys.includes('old')) expect((await next.ask('/from-old')).status).toBe(HIT);
      expect([...running.faults, ...next.faults]).toEqual([]);
      running = next;
    }
    expect((await running.ask('/from-new-old')).status).toBe(HIT);
    // What the key that was dropped has sealed is made anew.
    expect((await running.ask('/from-old')).status).toBe(MISS);
  });
});

describe.each<[string, string[], string[], string]>([
  ['a key that it lacks', ['theirs'], ['mine'], 'unknown-key'],
  ['any key, where it has none', ['theirs'], [], 'unknown-key'],
  ['no key, where it has one', [], ['mine'], 'unencrypted'],
])('what another process has stored with %s', (_name, theirs, mine, code) => {
  // A process without keys looks for responses under readable cache keys.
  const readable = theirs.length > 0 && mine.length > 0 ? {} : { hashKeys: false };
  const optionsOf = (ids: string[]): object => ({ ...(ids.length > 0 && sealedBy(...ids)), ...readable });

  test('is a miss, told of once, and left until it is overwritten', async () => {
    const prefix = uniquePrefix();
    const they = await deploy({ prefix, ...optionsOf(theirs) });
    const one = await deploy({ prefix, ...optionsOf(mine) });
    for (const path of ['/a', '/b', '/varying']) expect((await they.ask(path)).status).toMatch(/stored$/);
    // Nothing of it is deleted, whoever looks.
    const lookAt = (path: string) => one.ask(path, { 'Cache-Control': 'only-if-cached' });
    expect((await lookAt('/a')).status).toBe('fwd=uri-miss; detail=only-if-cached');
    expect((await lookAt('/varying')).status).toBe('fwd=vary-miss; detail=only-if-cached');
    expect((await they.ask('/a')).status).toBe(HIT);
    expect((await they.ask('/varying')).status).toBe(HIT);
    // It does not stand in the way of what this process makes.
    expect(await one.ask('/a')).toEqual({ status: MISS, body: `${BODY} of /a` });
    expect((await one.ask('/a')).status).toBe(HIT);
    expect(await one.ask('/varying')).toMatchObject({ status: 'fwd=vary-miss; stored' });
    expect((await one.ask('/varying')).status).toBe(HIT);
    expect(one.faults).toEqual([{ step: 'decrypt', code, message: expect.any(String) }]);
    expect((await they.ask('/b')).status).toBe(HIT);
  });

  test('is purged with the rest', async () => {
    const prefix = uniquePrefix();
    const they = await deploy({ prefix, ...optionsOf(theirs) });
    const one = await deploy({ prefix, ...optionsOf(mine) });
    const client = direct();
    for (const target of [
      { url: 'http://test.example/a' },
      { tag: 'leads' },
      { prefix: '/a' },
      { all: true },
    ]) {
      await they.ask('/a');
      expect(await one.cache.purge(target as { all: true })).toBe(1);
      expect(await keysOf(client, prefix)).toEqual([]);
    }
    await they.ask('/a');
    expect(await one.cache.purge({ tag: 'leads' }, { soft: true })).toBe(1);
    expect((await they.ask('/a')).status).toBe('fwd=stale; fwd-status=304; stored');
  });
});

test('another key by the same name reads nothing, and both go on', async () => {
  const prefix = uniquePrefix();
  const one = await deploy({ prefix, ...sealedBy('k') });
  const two = await deploy({
    prefix,
    encrypt: { keys: [{ id: 'k', key: keyOf('other').key.toString('hex') }] },
  });
  for (const each of [one, two, one]) {
    expect(await each.ask('/a')).toEqual({ status: MISS, body: `${BODY} of /a` });
    expect((await each.ask('/a')).status).toBe(HIT);
  }
});

test('a value of another key is made anew', async () => {
  const prefix = uniquePrefix();
  const they = await deploy({ prefix, ...sealedBy('theirs') });
  const one = await deploy({ prefix, ...sealedBy('mine') });
  await they.cache.wrap('w', () => 'theirs', { ttl: '1h' });
  expect(await one.cache.store.get('w')).toBeUndefined();
  expect(await they.cache.store.get('w')).toBe('theirs');
  expect(await one.cache.wrap('w', () => 'mine', { ttl: '1h' })).toBe('mine');
  expect(await one.cache.store.get('w')).toBe('mine');
  expect(one.faults).toEqual([{ step: 'decrypt', code: 'unknown-key', message: expect.any(String) }]);
});
