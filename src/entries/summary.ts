import { isSealed, keyIdOf } from '../codec/encryption.ts';
import { bodyLength } from '../codec/format.ts';
import type { Keyring } from '../codec/keyring.ts';
import type { StoredResponse } from '../codec/stored-response.ts';
import { field } from '../http/headers.ts';
import { valueKeyOf } from '../key/value-key.ts';
import type { ValueDescription } from '../store/store.ts';
import type { DamagedEntry, EntryRef, EntrySummary } from './types.ts';

/** What an operator is shown of a stored value, given all of it up to its body. */
export function summaryOf(
  keyring: Keyring,
  listed: ValueDescription,
  now: number,
): EntrySummary | DamagedEntry {
  const { id, head, length } = listed;
  const stored = keyring.decodeHead(id, head, length);
  return stored ? summaryOfStored(listed, stored, now) : damagedEntry(keyring, listed);
}

export function damagedEntry(keyring: Keyring, listed: ValueDescription): DamagedEntry {
  const { id, variant, head, key, length, expiresInMs: expiresIn } = listed;
  const reason = keyring.unreadable(head, length);
  return {
    id,
    variant,
    damaged: true,
    reason,
    sealedBy: keyIdOf(head),
    key,
    storedBytes: length,
    expiresIn,
  };
}

export function summaryOfStored(listed: ValueDescription, stored: StoredResponse, now: number): EntrySummary {
  const { id, variant, head, length, expiresInMs: expiresIn } = listed;
  const { key, status, headers, bornAt, lifetime, purged, tags, took, encodings } = stored;
  // What is sealed was opened whole; of anything else there may be no more than the head.
  const bodyBytes = isSealed(head) ? stored.body.length : bodyLength(head);
  const [, method = '', rest = ''] = /^(\S*) (.*)$/s.exec(key) ?? [];
  const ttl = bornAt + lifetime - now;
  return {
    id,
    variant,
    damaged: false,
    kind: valueKeyOf(key) === undefined ? 'response' : 'value',
    key,
    method,
    url: /^https?:\/\//.test(rest) ? rest : undefined,
    status,
    contentType: field(headers, 'content-type'),
    contentEncoding: field(headers, 'content-encoding'),
    size: encodings ? encodings.size : bodyBytes,
    encodings: Object.fromEntries(encodings?.list ?? []),
    sealedBy: keyIdOf(head),
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
    took,
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
