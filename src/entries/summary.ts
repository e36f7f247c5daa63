import { isSealed, keyIdOf } from '../codec/encryption.ts';
import { bodyLength } from '../codec/format.ts';
import type { Keyring } from '../codec/keyring.ts';
import type { StoredResponse } from '../codec/stored-response.ts';
import { field } from '../http/headers.ts';
import { userKeyOf } from '../key/value-key.ts';
import { differentAt } from '../sharing/audience.ts';
import { STRANGERS_SHAPE } from '../sharing/shape.ts';
import { isHashed } from '../store/ids.ts';
import { orThrow } from '../store/or-throw.ts';
import type { ValueDescription } from '../store/store.ts';
import type { Storage } from './storage.ts';
import type { AnyEntry, EntrySummary, UnreadableEntry } from './types.ts';

/** How many ids one call describes at most. */
const MAX_IDS = 128;
/** About how many bytes one call reads. Encrypted values are read whole, so a call then describes fewer ids. */
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Summaries of all entries under some ids whose cache key matches.
 * @param matches gets the cache key, or `undefined` where this process cannot read it.
 * @throws {StoreError} when Redis does not reply.
 */
export async function summaries(
  { store, keyring, clock }: Storage,
  ids: readonly string[],
  matches: (key: string | undefined) => boolean = () => true,
): Promise<AnyEntry[]> {
  // A readable id is the cache key, so an id that does not match needs no read.
  const wanted = [...new Set(ids)].filter((id) => isHashed(id) || matches(id));
  const result: AnyEntry[] = [];
  // The first call describes one id: it loads the script, so that later calls send its hash alone, and it shows how
  // large the values are.
  let size = 1;
  let from = 0;
  while (from < wanted.length) {
    const values = orThrow(
      await store.inventory.describe(wanted.slice(from, from + size)),
      'list the entries',
    );
    const now = clock();
    for (const value of values) {
      if (matches(value.key)) result.push(summarize(keyring, value, now));
    }
    const bytes = values.reduce((sum, { head }) => sum + head.length, 1);
    from += size;
    size = Math.max(1, Math.min(MAX_IDS, 8 * size, Math.floor((MAX_BYTES / bytes) * size)));
  }
  return result;
}

function summarize(keyring: Keyring, value: ValueDescription, now: number): AnyEntry {
  const stored = keyring.decodeHead(value.id, value);
  return stored ? summarizeStored(value, stored, now) : summarizeUnreadable(value, keyring.unreadable(value));
}

export function summarizeUnreadable(
  value: ValueDescription,
  reason: UnreadableEntry['reason'],
): UnreadableEntry {
  const { id, variant, head, key, length, expiresInMs } = value;
  return {
    id,
    variant,
    readable: false,
    reason,
    encryptedWith: keyIdOf(head),
    key,
    storedBytes: length,
    expiresInMs,
  };
}

export function summarizeStored(value: ValueDescription, stored: StoredResponse, now: number): EntrySummary {
  const { id, variant, head, length, expiresInMs } = value;
  const { key, status, headers, bornAt, lifetime, purged, tags, originMs, encodings } = stored;
  // An encrypted value was decoded whole. Of any other the body may be missing, but its head gives the length.
  const bodyBytes = isSealed(head) ? stored.body.length : bodyLength(head);
  const [, method = '', rest = ''] = /^(\S*) (.*)$/s.exec(key) ?? [];
  const ttlMs = bornAt + lifetime - now;
  return {
    id,
    variant,
    readable: true,
    kind: userKeyOf(key) === undefined ? 'response' : 'value',
    key,
    method,
    url: /^https?:\/\//.test(rest) ? rest : undefined,
    status,
    contentType: field(headers, 'content-type'),
    contentEncoding: field(headers, 'content-encoding'),
    size: encodings ? encodings.size : bodyBytes,
    encodings: Object.fromEntries(encodings?.list ?? []),
    encryptedWith: keyIdOf(head),
    storedBytes: length,
    bornAt,
    ageMs: Math.max(0, now - bornAt),
    lifetimeMs: lifetime,
    ttlMs,
    stale: purged || ttlMs <= 0,
    purged,
    expiresInMs,
    tags,
    ...variantParts(stored),
    audience: audienceOf(stored, now),
    originMs: originMs,
  };
}

/** The inverse of `variantText`. */
function variantParts({ variant }: StoredResponse): Pick<EntrySummary, 'variesOn' | 'declaredParts'> {
  try {
    const [declared, names, values] = JSON.parse(variant) as [string, string[], (string | null)[]];
    const variesOn = Object.fromEntries(names.map((name, i) => [name, values[i] ?? null]));
    return { variesOn, declaredParts: String(declared) };
  } catch {
    return { variesOn: {}, declaredParts: '' };
  }
}

function audienceOf({ audience }: StoredResponse, now: number): EntrySummary['audience'] {
  if (!audience) return 'everyone';
  const others = audience.same.filter((shape) => shape !== STRANGERS_SHAPE);
  const strangers = others.length < audience.same.length;
  return { strangers, same: others.length, different: differentAt(audience, now).length };
}
