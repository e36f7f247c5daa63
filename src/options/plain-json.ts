import type { KeyPart } from './types.ts';

/** Plain JSON, which cache keys are made of: different values have different JSON texts. */

/** What a key has to be, for messages. */
export const PLAIN_JSON = 'plain JSON: strings, finite numbers, booleans, null, arrays and plain objects';

/** Whether a value is plain JSON, so that different values have different JSON texts. */
export function isPlainJson(value: unknown, depth = 0): value is KeyPart {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || depth > 16) return false;
  if ('toJSON' in value) return false;
  if (Array.isArray(value)) {
    // `every` would skip the holes of a sparse array. Here they are `undefined`, which is refused.
    for (const item of value) if (!isPlainJson(item, depth + 1)) return false;
    return true;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Object.values(value).every((item) => isPlainJson(item, depth + 1));
}

/** What is not plain JSON in a value, and where: `undefined at [1].id`. No part of the value itself is shown. */
export function flawOf(value: unknown, path = '', depth = 0): string {
  if (typeof value === 'object' && value !== null && depth <= 16) {
    for (const [name, item] of Object.entries(Array.isArray(value) ? Array.from(value) : value)) {
      const step = Array.isArray(value) ? `[${name}]` : `.${name}`;
      if (!isPlainJson(item, depth + 1)) return flawOf(item, path + step, depth + 1);
    }
  }
  return path === '' ? kindOf(value) : `${kindOf(value)} at ${path}`;
}

/** The kind of a value, for messages that must not show the value: it may hold user data. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? 'a number' : String(value);
  if (Array.isArray(value)) return 'an array';
  if (typeof value !== 'object') return `a ${typeof value}`;
  const { name } = (value as { constructor?: { name?: unknown } }).constructor ?? {};
  return typeof name === 'string' && name !== 'Object' ? `an object (${name})` : 'an object';
}
