import type { AnyEntry, EntryFigure, EntrySummary, StoreFigures } from './types.ts';

/** Media types beyond this number are counted as `other`. */
const MAX_TYPES = 100;

/** The upper bounds of the age groups, in milliseconds, in ascending order. */
const AGE_GROUPS = [
  ['minute', 60_000],
  ['hour', 3_600_000],
  ['day', 86_400_000],
  ['week', 604_800_000],
  ['older', Number.POSITIVE_INFINITY],
] as const;

type MutableFigure = { -readonly [Name in keyof EntryFigure]: EntryFigure[Name] };

/** Counts entries by kind, freshness, status, media type and age. */
export class EntryCensus {
  readonly #total: number;
  #scanned = 0;
  readonly #figures = {
    responses: zero(),
    values: zero(),
    fresh: zero(),
    stale: zero(),
    damaged: zero(),
    unknownKey: zero(),
    unencrypted: zero(),
  };
  readonly #byStatus = new Map<string, MutableFigure>();
  readonly #byType = new Map<string, MutableFigure>();
  readonly #byAge = { minute: zero(), hour: zero(), day: zero(), week: zero(), older: zero() };

  /** @param total about how many keys the scan will look at. */
  constructor(total: number) {
    this.#total = total;
  }

  /** Records that the scan has looked at some more keys. */
  addScanned(count: number): void {
    this.#scanned = Math.min(this.#scanned + count, this.#total);
  }

  add(entry: AnyEntry): void {
    for (const figure of this.#figuresOf(entry)) {
      figure.count++;
      figure.bytes += entry.storedBytes;
    }
  }

  #figuresOf(entry: AnyEntry): MutableFigure[] {
    const { damaged, unknownKey, unencrypted, values, responses, stale, fresh } = this.#figures;
    if (!entry.readable) {
      // Only `get` decodes bodies, so only `get` finds one too large.
      return [{ damaged, 'unknown-key': unknownKey, unencrypted, 'too-large': responses }[entry.reason]];
    }
    const [ageGroup] = AGE_GROUPS.find(([, limit]) => entry.ageMs < limit) ?? ['older' as const];
    return [
      entry.kind === 'value' ? values : responses,
      entry.stale ? stale : fresh,
      figureOf(this.#byStatus, String(entry.status)),
      figureOf(this.#byType, this.#typeGroup(entry)),
      this.#byAge[ageGroup],
    ];
  }

  #typeGroup({ contentType = '' }: EntrySummary): string {
    const type = contentType.replace(/;.*/s, '').trim().toLowerCase();
    return this.#byType.has(type) || this.#byType.size < MAX_TYPES ? type : 'other';
  }

  /**
   * The counts so far.
   * @param done whether the scan has ended, so that all keys were looked at. `total` is an estimate, and the scan may
   * have counted fewer.
   */
  figures(done = false): StoreFigures {
    return structuredClone({
      scanned: done ? this.#total : this.#scanned,
      total: this.#total,
      ...this.#figures,
      byStatus: largestFirst(this.#byStatus),
      byType: largestFirst(this.#byType),
      byAge: this.#byAge,
    });
  }
}

function zero(): MutableFigure {
  return { count: 0, bytes: 0 };
}

function figureOf(figures: Map<string, MutableFigure>, name: string): MutableFigure {
  const figure = figures.get(name) ?? zero();
  figures.set(name, figure);
  return figure;
}

function largestFirst(figures: ReadonlyMap<string, EntryFigure>): Record<string, EntryFigure> {
  return Object.fromEntries([...figures].sort(([, a], [, b]) => b.bytes - a.bytes));
}
