import { bodyLength, decodeHead, type StoredResponse } from './entry.ts';
import type { DamagedEntry, EntryRef, EntrySummary } from './entry-face.ts';
import { field } from './http/headers.ts';
import type { Listed } from './store/store.ts';
import { valueKeyOf } from './value.ts';

/** What an operator is shown of a stored value, given all of it up to its body. */
export function summaryOf(listed: Listed, now: number): EntrySummary | DamagedEntry {
  const stored = decodeHead(listed.begin, listed.length);
  return stored ? summaryOfStored(listed, stored, now) : damagedEntry(listed);
}

export function damagedEntry({ id, variant, key, length, expiresIn }: Listed): DamagedEntry {
  return { id, variant, damaged: true, key, storedBytes: length, expiresIn };
}

export function summaryOfStored(listed: Listed, stored: StoredResponse, now: number): EntrySummary {
  const { id, variant, begin, length, expiresIn } = listed;
  const { key, status, headers, bornAt, lifetime, purged, tags, took } = stored;
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
    size: stored.encodings?.size ?? bodyLength(begin),
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
