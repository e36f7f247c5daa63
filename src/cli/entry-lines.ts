import type { AnyEntry, EntrySummary } from '../entries/types.ts';
import type { Io } from './command.ts';
import {
  columnsOf,
  formatBytes,
  formatCount,
  formatDuration,
  painter,
  type Style,
  shortenKey,
  truncate,
  widthOf,
} from './format.ts';
import { escapeUnsafe } from './text.ts';

/** Entries as lines of a table. */

const HEADINGS: Cells = { age: 'AGE', ttl: 'TTL', status: 'STATUS', size: 'SIZE' };

interface Cells {
  readonly age: string;
  readonly ttl: string;
  readonly status: string;
  readonly size: string;
}

function joined({ age, ttl, status, size }: Cells): string {
  return `${age.padStart(4)} ${ttl.padStart(5)} ${status.padEnd(6)} ${size.padStart(8)}  `;
}

/** @param last the heading of the last column. */
export function headings(last = 'KEY'): string {
  return `${joined(HEADINGS)}${last}`;
}

/**
 * Formats an entry as one line that fits the terminal: its figures, its key, and notes in parentheses.
 * @param indent columns that the caller writes before the line.
 */
export function entryLine(io: Io, indent = 0): (entry: AnyEntry) => string {
  return (entry) => {
    const { figures, room } = figuresOf(entry, io);
    const name = nameAndNotes(escapeUnsafe(entry.key ?? entry.id), notesOf(entry), room - indent);
    return `${figures}${name}\n`;
  };
}

/** The same without the key, for entries of one key. */
export function variantLine(io: Io, indent = 0): (entry: AnyEntry) => string {
  return (entry) => {
    const { figures, room } = figuresOf(entry, io);
    return `${figures}${truncate(notesOf(entry).join('; ') || '(the key alone)', room - indent)}\n`;
  };
}

function figuresOf(entry: AnyEntry, io: Io): { figures: string; room: number } {
  const figures = joined(entry.readable ? cellsOf(entry) : { age: '-', ttl: '-', status: '-', size: '-' });
  const style: Style | undefined = !entry.readable ? 'red' : entry.stale ? 'yellow' : undefined;
  const room = columnsOf(io.out) - figures.length;
  return { figures: style ? painter(io.out, io)(style, figures) : figures, room };
}

function cellsOf({ ageMs, ttlMs, kind, status, size }: EntrySummary): Cells {
  return {
    age: formatDuration(ageMs),
    ttl: formatDuration(ttlMs),
    status: kind === 'value' ? 'value' : String(status),
    size: formatBytes(size),
  };
}

/** Columns of the shortest key that notes leave, and of the shortest note. */
const MIN_KEY = 20;
const MIN_NOTE = 15;

function nameAndNotes(name: string, notes: readonly string[], room: number): string {
  const note = notes.length > 0 ? ` (${notes.join('; ')})` : '';
  const width = widthOf(note);
  if (widthOf(name) + width <= room) return name + note;
  const roomOfNote = Math.min(width, Math.max(room - MIN_KEY, Math.floor(room / 2)));
  const shortNote = roomOfNote < Math.min(width, MIN_NOTE) ? '' : truncate(note, roomOfNote);
  return `${shortenKey(name, room - widthOf(shortNote))}${shortNote}`;
}

/** What an operator must know beside the key: what selects the entry, who may have it, and what is wrong with it. */
function notesOf(entry: AnyEntry): string[] {
  if (!entry.readable) return [entry.reason];
  const { purged, audience } = entry;
  const isForKinds = audience !== 'everyone' && audience.same + audience.different > 0;
  const notes = [
    ...(purged ? ['purged softly'] : []),
    ...selectorsOf(entry),
    ...(isForKinds ? [`for ${audienceText(audience)}`] : []),
  ];
  return notes.map(escapeUnsafe);
}

/** What selects an entry beside its key: `accept-language: de`. */
export function selectorsOf({ variesOn, declaredParts }: EntrySummary): string[] {
  const fields = Object.entries(variesOn).map(([name, value]) => `${name}: ${value ?? '(absent)'}`);
  return declaredParts === '' ? fields : [...fields, `vary: ${declaredParts}`];
}

/** Who may have a stored response: `requests without credentials and 2 kinds of callers`. */
export function audienceText(audience: EntrySummary['audience']): string {
  if (audience === 'everyone') return 'everyone';
  const { strangers, same, different } = audience;
  const kinds = (count: number): string => formatCount(count, 'kind of callers', 'kinds of callers');
  const some = [strangers ? 'requests without credentials' : '', same > 0 ? kinds(same) : ''].filter(Boolean);
  const others = different > 0 ? `, not ${kinds(different)} who got another response` : '';
  return `${some.join(' and ') || 'nobody'}${others}`;
}
