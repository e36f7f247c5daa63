import { describe, expect, test } from '@jest/globals';
import { parsePolicy, refinePolicy } from '../../src/options/parse.ts';
import type { CacheOptions, PolicyOptions } from '../../src/options/types.ts';
import { refuses } from './support/refusal.ts';

/* `cache.with(overrides)`: which options a derived policy keeps, and whether it makes the same cache keys. */

const base: CacheOptions = { ttl: '5m', methods: ['GET'], vary: { headers: ['a'] } };
const policy = parsePolicy(base);

describe('a policy derived by with', () => {
  test('has the overrides, and the options of its base otherwise', () => {
    const refined = refinePolicy(policy, { ttl: '10s', maxBodySize: '1kb' });
    expect(refined).toEqual({ ...policy, ttl: '10s', maxBodySize: 1024 });
    expect(refined).toEqual(parsePolicy({ ...base, ttl: '10s', maxBodySize: '1kb' }));
    expect(Object.isFrozen(refined)).toBe(true);
  });

  test('has the default of an option that is overridden by undefined', () => {
    const { ttl, vary } = refinePolicy(policy, { ttl: undefined, vary: undefined } as object);
    expect([ttl, vary]).toEqual([parsePolicy({}).ttl, parsePolicy({}).vary]);
  });

  test('can be derived from again', () => {
    const twice = refinePolicy(refinePolicy(policy, { jitter: 0.5 }), { ttl: '1s' });
    expect(twice).toEqual({ ...policy, jitter: 0.5, ttl: '1s' });
  });

  test.each<[PolicyOptions]>([
    [{}],
    [{ ttl: '1s' }],
    [{ when: false }],
    [{ statuses: [200] }],
    [{ staleWhileRevalidate: '5s', staleIfError: '5s', originTimeout: '5s' }],
    [{ compress: true }],
  ])('by %j makes the same keys', (overrides) => {
    expect(refinePolicy(policy, overrides).identity).toBe(policy.identity);
  });

  test.each<[PolicyOptions]>([
    [{ key: () => 'k' }],
    [{ vary: {} }],
    [{ hashKeys: true }],
    [{ guard: 'off' }],
    [{ credentials: ['X-Badge'] }],
  ])('by %j makes other keys', (overrides) => {
    expect(refinePolicy(policy, overrides).identity).not.toBe(policy.identity);
  });

  test('keeps SHA-256 for cache keys where the cache encrypts', () => {
    const sealed = parsePolicy({ encrypt: { keys: [{ id: 'a', key: Buffer.alloc(32) }] }, hashKeys: false });
    expect(refinePolicy(sealed, { hashKeys: true }).hash).toBe('sha256');
    expect(refinePolicy(sealed, { hashKeys: undefined } as object).hash).toBe('sha256');
    expect(refinePolicy(sealed, { ttl: '1s' }).hash).toBeUndefined();
  });
});

describe('a method that needs a key', () => {
  const key = (): string => 'k';

  test.each<[string, PolicyOptions, PolicyOptions]>([
    ['the base', { key }, { methods: ['POST'] }],
    ['the overrides', {}, { methods: ['POST'], key }],
  ])('is accepted with the key of %s', (_whose, options, overrides) => {
    expect(refinePolicy(parsePolicy(options), overrides).methods).toEqual(new Set(['POST']));
  });

  test('is refused where the overrides take the key away', () => {
    const keyed = parsePolicy({ key, methods: ['GET', 'POST'] });
    const call = () => refinePolicy(keyed, { key: undefined } as object);
    refuses(call, 'methods', '"POST"', 'unless `key`');
  });
});
