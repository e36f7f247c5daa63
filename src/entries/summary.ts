import { isSealed, keyIdOf } from '../codec/encryption.ts';
import { bodyLength } from '../codec/format.ts';
import type { Keyring } from '../codec/keyring.ts';
import type { StoredResponse } from '../codec/stored-response.ts';
import { field } from '../http/headers.ts';
import { userKeyOf } from '../key/value-key.ts';
import type { Listed } from '../store/store.ts';
import type { DamagedEntry, EntryRef, EntrySummary } from './types.ts';

/** What an operator is shown of a stored value, given all of it up to its body. */
export function summaryOf(keyring: Keyring, listed: Listed, now: number): EntrySummary | DamagedEntry {
  const { id, begin, length } = listed;
  const stored = keyring.decodeHead(id, begin, length);
  return stored ? summaryOfStored(listed, stored, now) : damagedEntry(keyring, listed);
}

export function damagedEntry(keyring: Keyring, listed: Listed): DamagedEntry {
  const { id, variant, begin, key, length, expiresIn } = listed;
  const reason = keyring.unreadable(begin, length);
  return {
    id,
    variant,
    damaged: true,
    reason,
    sealedBy: keyIdOf(begin),
    key,
    storedBytes: length,
    expiresIn,
  };
}

export function summaryOfStored(listed: Listed, stored: StoredResponse, now: number): EntrySummary {
  const { id, variant, begin, length, expiresIn } = listed;
  const { key, status, headers, bornAt, lifetime, purged, tags, originMs, encodings } = stored;
  // What is sealed was opened whole; of anything else there may be no more than the head.
  const bodyBytes = isSealed(begin) ? stored.body.length : bodyLength(begin);
  const [, method = '', rest = ''] = /^(\S*) (.*)$/s.exec(key) ?? [];
  const ttl = bornAt + lifetime - now;
  return {
    id,
    variant,
    damaged: false,
    kind: userKeyOf(key) === undefined ? 'response' : 'value',
    key,
    method,
    url: /^https?:\/\//.test(rest) ? rest : undefined,
    status,
    contentType: field(headers, 'content-type'),
    contentEncoding: field(headers, 'content-encoding'),
    size: encodings ? encodings.size : bodyBytes,
    encodings: Object.fromEntries(encodings?.list ?? []),
    sealedBy: keyIdOf(begin),
    storedBytes: length,
    bornAt,
    age: Math.max(0, now - bornAt),
    lifetime,
    ttl,
    stale: purged || ttl <= 0,
    purged,
    expiresIn,
    tags,
    ...selectedBy(stored),
    took: originMs,
  };
}

/** The other way round than `variantText` makes it. */
function selectedBy({ variant }: StoredResponse): Pick<EntrySummary, 'variesOn' | 'declared'> {
  try {
    const [declared, names, values] = JSON.parse(variant) as [string, string[], (string | null)[]];
    const variesOn = Object.fromEntries(names.map((name, i) => [name, values[i] ?? null]));
    return { variesOn, declared: String(declared) };
  } catch {
    return { variesOn: {}, declared: '' };
  }
}

/** The same place as one text. */
export function placeText({ id, variant }: EntryRef): string {
  return `${id}\n${variant}`;
}
