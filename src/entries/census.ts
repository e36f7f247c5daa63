import type { DamagedEntry, EntrySummary, Figure, StoreFigures } from './types.ts';

/** More media types than these are `other`. */
const MAX_TYPES = 100;

/** In milliseconds. */
const AGES = { minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000 } as const;

interface Sum {
  count: number;
  bytes: number;
}

/** Counts entries, one after the other. */
export class Tally {
  readonly #total: number;
  #scanned = 0;
  readonly #of = {
    responses: none(),
    values: none(),
    damaged: none(),
    unreadable: none(),
    fresh: none(),
    stale: none(),
  };
  readonly #byStatus = new Map<string, Sum>();
  readonly #byType = new Map<string, Sum>();
  readonly #byAge = { minute: none(), hour: none(), day: none(), week: none(), older: none() };

  /** @param total how many keys there are to look at. */
  constructor(total: number) {
    this.#total = total;
  }

  scanned(count: number): void {
    this.#scanned = Math.min(this.#scanned + count, this.#total);
  }

  add(entry: EntrySummary | DamagedEntry): void {
    const count = (sum: Sum): void => {
      sum.count++;
      sum.bytes += entry.storedBytes;
    };
    if (entry.damaged) {
      count(entry.reason === 'damaged' ? this.#of.damaged : this.#of.unreadable);
      return;
    }
    const { kind, stale, status, contentType = '', age } = entry;
    count(kind === 'value' ? this.#of.values : this.#of.responses);
    count(stale ? this.#of.stale : this.#of.fresh);
    count(sumOf(this.#byStatus, String(status)));
    const type = contentType.replace(/;.*/s, '').trim().toLowerCase();
    count(sumOf(this.#byType, this.#byType.has(type) || this.#byType.size < MAX_TYPES ? type : 'other'));
    const young = (Object.keys(AGES) as (keyof typeof AGES)[]).find((name) => age < AGES[name]);
    count(this.#byAge[young ?? 'older']);
  }

  /** What was counted so far; all keys were looked at in the end. */
  figures(ended = false): StoreFigures {
    return structuredClone({
      scanned: ended ? this.#total : this.#scanned,
      total: this.#total,
      ...this.#of,
      byStatus: largestFirst(this.#byStatus),
      byType: largestFirst(this.#byType),
      byAge: this.#byAge,
    });
  }
}

function none(): Sum {
  return { count: 0, bytes: 0 };
}

function sumOf(sums: Map<string, Sum>, name: string): Sum {
  const sum = sums.get(name) ?? none();
  sums.set(name, sum);
  return sum;
}

function largestFirst(sums: ReadonlyMap<string, Sum>): Record<string, Figure> {
  return Object.fromEntries([...sums].sort(([, a], [, b]) => b.bytes - a.bytes));
}
