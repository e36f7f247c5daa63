import { createHash } from 'node:crypto';
import { OptionError } from '../errors.ts';
import { idOfTag } from '../key/tags.ts';
import { ownMembers } from '../options/parsers.ts';
import { areTags, TAG_ACCEPTED } from '../options/tags.ts';
import { variantKeyOf } from '../store/ids.ts';
import type { ScanPosition, ScanStep } from '../store/store.ts';
import type { AnyEntry, EntryPage, EntryQuery, EntryRef } from './types.ts';

/** A page ends after about this many keys. */
const MAX_SCANNED = 5000;
/** The smallest and the largest number of keys that one step looks at. */
const MIN_STEP = 10;
const MAX_STEP = 1000;
/** The largest `limit` of a page. */
export const MAX_LIMIT = 1000;

/** A valid `EntryQuery`. */
interface Query {
  /** The tag in its stored form. */
  readonly tag: string | undefined;
  readonly id: string | undefined;
  readonly limit: number;
  readonly cursor: Cursor;
  /** Whether the cache key matches the search. */
  matches(key: string | undefined): boolean;
  /** Whether the entry has the status and the tag. */
  accepts(entry: AnyEntry): boolean;
}

/** Where a page begins. */
interface Cursor {
  readonly position: ScanPosition | undefined;
  /**
   * Digests of the entries in the step at `position` that earlier pages have listed: a page that is full in the middle
   * of a step makes the next page repeat that step.
   */
  readonly listed: ReadonlySet<string>;
}

const START: Cursor = { position: undefined, listed: new Set() };

const PROPERTIES = ['search', 'status', 'tag', 'id', 'limit', 'cursor'] as const;

/** @throws {OptionError} for a bad property, which the message names. */
export function parseQuery(query: EntryQuery): Query {
  const { search, status, tag, id, limit = 50, cursor } = ownMembers<EntryQuery>('list', query, PROPERTIES);
  if (search !== undefined && typeof search !== 'string')
    throw new OptionError('list.search', search, 'a string');
  if (status !== undefined && !Number.isInteger(status))
    throw new OptionError('list.status', status, 'a number such as 404');
  if (tag !== undefined && !areTags([tag]))
    throw new OptionError('list.tag', tag, `a string of ${TAG_ACCEPTED}`);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw new OptionError('list.limit', limit, `a whole number from 1 to ${MAX_LIMIT}`);
  const storedTag = tag === undefined ? undefined : idOfTag(tag);
  return {
    tag: storedTag,
    id,
    limit,
    cursor: cursor === undefined ? START : parseCursor(cursor, storedTag),
    matches: keyMatcher(search),
    accepts(entry) {
      if (status === undefined && storedTag === undefined) return true;
      // The status and the tags of an unreadable entry are unknown.
      if (!entry.readable) return false;
      if (status !== undefined && entry.status !== status) return false;
      return storedTag === undefined || entry.tags.includes(storedTag);
    },
  };
}

/** Fills one page from the steps of a scan. The work for one page is bounded. */
export class PageBuilder {
  readonly query: Query;
  /** How many keys the next step should look at. */
  stepSize: number;
  done = false;
  #cursor: Cursor | undefined;
  #scanned = 0;
  readonly #entries = new Map<string, AnyEntry>();

  constructor(query: Query) {
    this.query = query;
    this.#cursor = query.cursor;
    this.stepSize = Math.max(MIN_STEP, query.limit);
  }

  /** Where the next step begins. */
  get position(): ScanPosition | undefined {
    return this.#cursor?.position;
  }

  /** Adds the entries of one step. Entries that do not fit make the next page repeat the step. */
  add({ scanned, next }: Pick<ScanStep, 'scanned' | 'next'>, entries: readonly AnyEntry[]): void {
    const { limit, accepts } = this.query;
    const { position, listed } = this.#cursor ?? START;
    this.#scanned += scanned;
    const added = entries.filter(
      (entry) => accepts(entry) && !this.#entries.has(refText(entry)) && !listed.has(digest(entry)),
    );
    // Keys with many variants. A smaller step keeps the list of digests in the cursor short.
    if (added.length > 2 * limit && this.stepSize > 1) {
      this.done = this.#entries.size > 0;
      this.stepSize = Math.max(1, Math.floor((this.stepSize * limit) / added.length));
      return;
    }
    const fitting = added.slice(0, limit - this.#entries.size);
    for (const entry of fitting) this.#entries.set(refText(entry), entry);
    const complete = fitting.length === added.length;
    if (complete) this.#cursor = next && { position: next, listed: START.listed };
    else this.#cursor = { position, listed: new Set([...listed, ...fitting.map(digest)]) };
    this.done =
      !complete || next === undefined || this.#entries.size === limit || this.#scanned >= MAX_SCANNED;
    // Few entries match, so larger steps find the next one sooner.
    this.stepSize = Math.min(this.stepSize * 2, MAX_STEP, Math.max(MIN_STEP, MAX_SCANNED - this.#scanned));
  }

  page(): EntryPage {
    return {
      entries: [...this.#entries.values()],
      cursor: this.#cursor && formatCursor(this.#cursor, this.query.tag),
      scanned: this.#scanned,
    };
  }
}

function refText({ id, variant }: EntryRef): string {
  return variantKeyOf(id, variant);
}

const DIGEST_LENGTH = 10;

/** Identifies an entry among those of one step. */
function digest(entry: EntryRef): string {
  return createHash('sha1').update(refText(entry)).digest('base64url').slice(0, DIGEST_LENGTH);
}

function formatCursor({ position, listed }: Cursor, tag: string | undefined): string {
  const { node, cursor } = position ?? { node: '', cursor: '0' };
  const parts = [scopeOf(tag), node, cursor, [...listed].join('')];
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

function parseCursor(text: unknown, tag: string | undefined): Cursor {
  const invalid = new OptionError('list.cursor', text, 'the cursor of the previous page of the same query');
  if (typeof text !== 'string') throw invalid;
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    throw invalid;
  }
  if (!Array.isArray(parts) || parts.length !== 4) throw invalid;
  if (!parts.every((part) => typeof part === 'string')) throw invalid;
  const [scope = '', node = '', cursor = '', digests = ''] = parts as string[];
  if (scope !== scopeOf(tag)) throw invalid;
  if (!/^\d{1,20}$/.test(cursor)) throw invalid;
  if (!/^[\w-]*$/.test(digests) || digests.length % DIGEST_LENGTH !== 0) throw invalid;
  const listed = new Set(digests.match(new RegExp(`.{${DIGEST_LENGTH}}`, 'g')));
  return { position: { node, cursor }, listed };
}

/** Whether a cursor belongs to a scan of all keys or of the keys under a tag. */
function scopeOf(tag: string | undefined): string {
  return tag === undefined ? 'all' : 'tag';
}

/** Matches a cache key that contains the parts between the stars, in this order. */
function keyMatcher(search = ''): Query['matches'] {
  const parts = search
    .toLowerCase()
    .split('*')
    .filter((part) => part !== '');
  if (parts.length === 0) return () => true;
  return (key) => {
    const text = key?.toLowerCase() ?? '';
    let from = 0;
    for (const part of parts) {
      const index = text.indexOf(part, from);
      if (index < 0) return false;
      from = index + part.length;
    }
    return true;
  };
}
