import { describe, expect, test } from '@jest/globals';
import { parsePolicy, refinePolicy } from '../../src/options/policy.ts';
import type { PolicyOptions } from '../../src/options/types.ts';

describe('with', () => {
  const base: PolicyOptions = { ttl: '5m', methods: ['GET'], vary: { headers: ['a'] } };
  const policy = parsePolicy(base);

  test('keeps what it does not name, and sets anew what it does', () => {
    const refined = refinePolicy(base, policy, { ttl: '10s', maxBodySize: '1kb' });
    expect(refined.options).toEqual({ ...base, ttl: '10s', maxBodySize: '1kb' });
    expect(refined.policy).toMatchObject({ ttl: '10s', maxBodySize: 1024, methods: new Set(['GET']) });
    expect(refined.policy.headers).toEqual(['a']);
  });

  test.each([{}, { ttl: '1s' as const }, { when: false }, { statuses: [200] }, { guard: 'off' as const }])(
    'of %j makes the same keys',
    (overrides) => {
      expect(refinePolicy(base, policy, overrides).policy.identity).toBe(policy.identity);
    },
  );

  test.each([{ key: () => 'k' }, { vary: {} }, { hashKeys: true }])('of %j makes other keys', (overrides) => {
    expect(refinePolicy(base, policy, overrides).policy.identity).not.toBe(policy.identity);
  });

  test('sees a method that needs a key together with the key of the options it refines', () => {
    const keyed = { key: () => 'k' };
    const { policy: refined } = refinePolicy(keyed, parsePolicy(keyed), { methods: ['POST'] });
    expect(refined.methods).toEqual(new Set(['POST']));
  });
});
