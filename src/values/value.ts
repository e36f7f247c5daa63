import { encode } from '../codec/format.ts';
import type { StoredResponse } from '../codec/stored-response.ts';
import type { Storage } from '../entries/storage.ts';
import { field } from '../http/headers.ts';
import { PLAIN_VARIANT } from '../key/variant.ts';
import { Fault } from '../store/fault.ts';
import type { Budget } from '../store/guard.ts';
import type { StoredValue } from '../store/store.ts';

/** A value of the user's own is stored as a response without a request. */

const JSON_TYPE = 'application/json';
const BYTES_TYPE = 'application/octet-stream';

/** A value in the form in which it is stored. */
interface EncodedValue {
  readonly bytes: Buffer;
  /** Bytes of the body: what `maxBodySize` limits. */
  readonly size: number;
}

/** What to store; `undefined` for a value that is neither plain JSON nor bytes. */
export function encodeValue(
  key: string,
  value: unknown,
  { ttlMs, tags, now }: { ttlMs: number; tags: readonly string[]; now: number },
): EncodedValue | undefined {
  const isBytes = value instanceof Uint8Array;
  const body = isBytes ? value : jsonBytes(value);
  if (!body) return undefined;
  const bytes = encode(
    {
      key,
      variant: PLAIN_VARIANT,
      status: 200,
      message: '',
      headers: ['Content-Type', isBytes ? BYTES_TYPE : JSON_TYPE],
      removedFields: [],
      cacheLevel: 1,
      bornAt: now,
      lifetime: ttlMs,
      validateAlways: false,
      neverStale: true,
      staleIfError: 0,
      staleWhileRevalidate: 0,
      originMs: 0,
      tags,
      locals: null,
      selectors: [],
      audience: undefined,
    },
    [body],
  );
  return { bytes, size: body.length };
}

/** The value of a key as the store has it, and the response in it where that can be used. */
export async function findValue(
  { store, keyring, clock }: Storage,
  id: string,
  key: string,
  budget: Budget = { spentMs: 0 },
): Promise<
  { readonly value?: StoredValue | undefined; readonly stored?: StoredResponse | undefined } | Fault
> {
  const values = await store.responses.get(budget, id, ['']);
  if (values instanceof Fault) return values;
  const [value] = values;
  return { value, stored: freshValue(key, value && keyring.decode(id, value), clock()) };
}

/** The stored value if it belongs to this key, is fresh and was not purged. */
function freshValue(
  key: string,
  stored: StoredResponse | undefined,
  now: number,
): StoredResponse | undefined {
  // Two keys may have the same hash.
  if (!stored || stored.key !== key) return undefined;
  if (stored.purged) return undefined;
  return now - stored.bornAt < stored.lifetime ? stored : undefined;
}

export function decodeValue(stored: StoredResponse): unknown {
  return field(stored.headers, 'content-type') === BYTES_TYPE
    ? Buffer.from(stored.body)
    : JSON.parse(stored.body.toString());
}

function jsonBytes(value: unknown): Buffer | undefined {
  try {
    const text = JSON.stringify(value);
    return text === undefined ? undefined : Buffer.from(text);
  } catch {
    // A cycle or a BigInt.
    return undefined;
  }
}
