import { encode, type StoredResponse } from './entry.ts';
import { PurgeError } from './errors.ts';
import { field } from './http/headers.ts';
import { compact, customKey, type HashName } from './key.ts';
import { variantText } from './lookup.ts';

/** A value of the user's own as it is stored: like a response to no request. */

const METHOD = 'VALUE';
const JSON_TYPE = 'application/json';
const BYTES_TYPE = 'application/octet-stream';

/** The cache key of a value. @throws {TypeError} when it is not plain JSON. */
export function keyOfValue(key: unknown): string {
  const text = customKey(METHOD, key);
  if (text === undefined) throw new TypeError('the key of a value must be plain JSON');
  return text;
}

/** The key that was given, of a cache key; `undefined` for the key of a response. */
export function valueKeyOf(key: string): unknown {
  if (!key.startsWith(`${METHOD} `)) return undefined;
  try {
    return JSON.parse(key.slice(METHOD.length + 1));
  } catch {
    return undefined;
  }
}

/** Where the value of a key is. @throws {PurgeError} when the key is not plain JSON. */
export function idOfValue(key: unknown, hash: HashName | undefined): string {
  const text = customKey(METHOD, key);
  if (text === undefined) throw new PurgeError('purge takes a key that is plain JSON');
  return compact(text, hash);
}

/** The bytes to store, or `undefined` for what cannot be kept: neither JSON nor bytes. */
export function encodeValue(
  key: string,
  value: unknown,
  { ttl, tags, now }: { ttl: number; tags: readonly string[]; now: number },
): Buffer | undefined {
  const raw = value instanceof Uint8Array;
  const body = raw ? value : jsonOf(value);
  if (!body) return undefined;
  const head = {
    status: 200,
    message: '',
    headers: ['Content-Type', raw ? BYTES_TYPE : JSON_TYPE],
    removed: [],
    depth: 1,
  } as const;
  const ageing = { bornAt: now, lifetime: ttl, validateAlways: false, neverStale: true };
  const stale = { staleIfError: 0, staleWhileRevalidate: 0, took: 0 };
  return encode({ key, variant: variantText('', [], {}), ...head, ...ageing, ...stale, tags, locals: null }, [
    body,
  ]);
}

/** What is stored, as long as it is this key's and fresh. */
export function freshValue(
  key: string,
  stored: StoredResponse | undefined,
  now: number,
): StoredResponse | undefined {
  const fresh =
    stored?.key === key && !stored.encodings && !stored.purged && now - stored.bornAt < stored.lifetime;
  return fresh ? stored : undefined;
}

/** Whether a body could stand in the place of this one's: that of a value which is JSON has to be JSON. */
export function canStandIn({ key, headers }: StoredResponse, body: Buffer): boolean {
  if (valueKeyOf(key) === undefined || field(headers, 'content-type') !== JSON_TYPE) return true;
  try {
    JSON.parse(body.toString());
    return true;
  } catch {
    return false;
  }
}

export function decodeValue(stored: StoredResponse): unknown {
  return field(stored.headers, 'content-type') === BYTES_TYPE
    ? Buffer.from(stored.body)
    : JSON.parse(stored.body.toString());
}

function jsonOf(value: unknown): Buffer | undefined {
  try {
    const text = JSON.stringify(value);
    return text === undefined ? undefined : Buffer.from(text);
  } catch {
    // A cycle, a BigInt.
    return undefined;
  }
}
