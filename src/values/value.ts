import { encode } from '../codec/format.ts';
import type { StoredResponse } from '../codec/stored-response.ts';
import { field } from '../http/headers.ts';
import { variantText } from '../key/variant.ts';

/** A value of the user's own as it is stored: like a response to no request. */

const JSON_TYPE = 'application/json';
const BYTES_TYPE = 'application/octet-stream';

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
    removedFields: [],
    cacheLevel: 1,
  } as const;
  const ageing = { bornAt: now, lifetime: ttl, validateAlways: false, neverStale: true };
  const stale = { staleIfError: 0, staleWhileRevalidate: 0, originMs: 0 };
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
