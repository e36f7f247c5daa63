import { createHash } from 'node:crypto';
import { idOfTag } from '../key/tags.ts';
import { areTags } from '../options/tags.ts';
import type { Position, Survey } from '../store/store.ts';
import { placeText } from './summary.ts';
import type { DamagedEntry, EntryPage, EntryQuery, EntrySummary } from './types.ts';

/** A page looks at no more keys than about these. */
const MAX_SCANNED = 5000;
/** How many keys are looked at in one step. */
const STEP = [10, 1000] as const;
const MAX_LIMIT = 1000;

type Listed = EntrySummary | DamagedEntry;

/** What to list, checked. */
interface Query {
  /** As it stands in the store. */
  readonly tag: string | undefined;
  readonly id: string | undefined;
  readonly limit: number;
  readonly cursor: Cursor;
  matches(key: string | undefined): boolean;
  accepts(entry: Listed): boolean;
}

/** Where a page begins. */
interface Cursor {
  readonly from: Position | undefined;
  /** What the pages before have listed of the step that begins there, where it was more than they had room for. */
  readonly passed: ReadonlySet<string>;
}

const START: Cursor = { from: undefined, passed: new Set() };

/** @throws {TypeError} */
export function parseQuery({ search, status, tag, id, limit = 50, cursor }: EntryQuery): Query {
  if (search !== undefined && typeof search !== 'string') throw new TypeError('search is a string');
  if (status !== undefined && !Number.isInteger(status)) throw new TypeError('status is a status code');
  if (tag !== undefined && !areTags([tag]))
    throw new TypeError('tag is a string of up to 256 characters, and not empty');
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw new TypeError(`limit is a whole number from 1 to ${MAX_LIMIT}`);
  const known = tag === undefined ? undefined : idOfTag(tag);
  return {
    tag: known,
    id,
    limit,
    cursor: cursor === undefined ? START : parseCursor(cursor, known),
    matches: matcherOf(search),
    // Nobody knows the status and the tags of what is damaged.
    accepts: (entry) =>
      (status === undefined && known === undefined) ||
      (!entry.damaged &&
        (status === undefined || entry.status === status) &&
        (known === undefined || entry.tags.includes(known))),
  };
}

/** Fills one page, step by step, with bounded work. */
export class Paging {
  readonly query: Query;
  /** How many keys the next step looks at. */
  count: number;
  done = false;
  #cursor: Cursor | undefined;
  #scanned = 0;
  readonly #entries = new Map<string, Listed>();

  constructor(query: Query) {
    this.query = query;
    this.#cursor = query.cursor;
    this.count = Math.max(STEP[0], query.limit);
  }

  get from(): Position | undefined {
    return this.#cursor?.from;
  }

  /** Takes what a step has found. Where that is too much, the next page takes the step again, and passes it over. */
  add({ scanned, next }: Pick<Survey, 'scanned' | 'next'>, found: readonly Listed[]): void {
    const { limit, accepts } = this.query;
    const { from, passed } = this.#cursor ?? START;
    this.#scanned += scanned;
    const others = found.filter((entry) => {
      return accepts(entry) && !this.#entries.has(placeText(entry)) && !passed.has(mark(entry));
    });
    // Keys with many variants: a smaller step, so that there is little to pass over.
    if (others.length > 2 * limit && this.count > 1) {
      this.done = this.#entries.size > 0;
      this.count = Math.max(1, Math.floor((this.count * limit) / others.length));
      return;
    }
    const taken = others.slice(0, limit - this.#entries.size);
    for (const entry of taken) this.#entries.set(placeText(entry), entry);
    const all = taken.length === others.length;
    if (!all) this.#cursor = { from, passed: new Set([...passed, ...taken.map(mark)]) };
    else this.#cursor = next && { from: next, passed: START.passed };
    this.done = !all || next === undefined || this.#entries.size === limit || this.#scanned >= MAX_SCANNED;
    // What is rare is looked for in larger steps.
    this.count = Math.min(this.count * 2, STEP[1], Math.max(STEP[0], MAX_SCANNED - this.#scanned));
  }

  page(): EntryPage {
    const entries = [...this.#entries.values()];
    return {
      entries,
      cursor: this.#cursor && cursorText(this.#cursor, this.query.tag),
      scanned: this.#scanned,
    };
  }
}

/** What tells an entry of a step from the others. */
function mark(entry: Listed): string {
  return createHash('sha1').update(placeText(entry)).digest('base64url').slice(0, MARK);
}

const MARK = 10;

function cursorText({ from, passed }: Cursor, tag: string | undefined): string {
  const { node, cursor } = from ?? { node: '', cursor: '0' };
  const parts = [tag === undefined ? 'all' : 'tag', node, cursor, [...passed].join('')];
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

function parseCursor(text: unknown, tag: string | undefined): Cursor {
  const bad = new TypeError('cursor is what the page before gave, of the same query');
  if (typeof text !== 'string') throw bad;
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    throw bad;
  }
  if (!Array.isArray(parts) || parts.length !== 4) throw bad;
  if (!parts.every((part) => typeof part === 'string')) throw bad;
  const [of = '', node = '', cursor = '', marks = ''] = parts as string[];
  if (of !== (tag === undefined ? 'all' : 'tag')) throw bad;
  if (!/^\d{1,20}$/.test(cursor) || !/^[\w-]*$/.test(marks) || marks.length % MARK !== 0) throw bad;
  return { from: { node, cursor }, passed: new Set(marks.match(new RegExp(`.{${MARK}}`, 'g'))) };
}

/** Whether a key has the text in it: its pieces between the stars, one behind the other. */
function matcherOf(search = ''): Query['matches'] {
  const pieces = search
    .toLowerCase()
    .split('*')
    .filter((piece) => piece !== '');
  if (pieces.length === 0) return () => true;
  return (key) => {
    const text = key?.toLowerCase() ?? '';
    let at = 0;
    for (const piece of pieces) {
      const found = text.indexOf(piece, at);
      if (found < 0) return false;
      at = found + piece.length;
    }
    return true;
  };
}
