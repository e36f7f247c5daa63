import type { CacheStats } from './stats.ts';

/** What monitoring systems are told of a cache: one table for all of them. */

type Labels = Readonly<Record<string, string>>;

/** A count that only grows, for each combination of its labels. */
export interface Counter {
  /** As Prometheus names it, but for the prefix; OpenTelemetry without the unit and with dots. */
  readonly name: string;
  readonly help: string;
  /** By UCUM, as OpenTelemetry writes it. */
  readonly unit: string;
  readonly labels: readonly string[];
  read(stats: CacheStats): (readonly [Labels, number])[];
}

export const COUNTERS: readonly Counter[] = [
  {
    name: 'requests_total',
    help: 'Requests by what they came to.',
    unit: '{request}',
    labels: ['outcome'],
    read: ({ requests }) => each('outcome', requests),
  },
  {
    name: 'forwarded_total',
    help: 'Requests that were forwarded, by why (fwd in Cache-Status, RFC 9211).',
    unit: '{request}',
    labels: ['reason'],
    read: ({ forwarded }) => each('reason', forwarded),
  },
  {
    name: 'details_total',
    help: 'Requests by the detail of their Cache-Status.',
    unit: '{request}',
    labels: ['detail'],
    read: ({ details }) => each('detail', details),
  },
  {
    name: 'stored_total',
    help: 'Responses stored, anew or confirmed.',
    unit: '{response}',
    labels: [],
    read: ({ stored }) => [[{}, stored]],
  },
  {
    name: 'refused_total',
    help: 'Responses of fills that were not stored, by why.',
    unit: '{response}',
    labels: ['reason'],
    read: ({ refused }) => each('reason', refused),
  },
  {
    name: 'faults_total',
    help: 'Faults that the cache stepped around.',
    unit: '{fault}',
    labels: ['step', 'code'],
    read: ({ faults }) =>
      Object.entries(faults).flatMap(([step, codes]) =>
        Object.entries(codes).map(([code, count]) => [{ step, code }, count] as const),
      ),
  },
  {
    name: 'served_bytes_total',
    help: 'Bytes of body sent from what is stored.',
    unit: 'By',
    labels: [],
    read: ({ bytes }) => [[{}, bytes]],
  },
  {
    name: 'saved_seconds_total',
    help: 'Time that the app had taken to make what was sent in its stead.',
    unit: 's',
    labels: [],
    read: ({ saved }) => [[{}, saved / 1000]],
  },
  {
    name: 'purges_total',
    help: 'Purges by whether the store confirmed them.',
    unit: '{purge}',
    labels: ['result'],
    read: ({ purges: { confirmed, failed } }) => each('result', { confirmed, failed }),
  },
  {
    name: 'purged_responses_total',
    help: 'Stored responses that were purged.',
    unit: '{response}',
    labels: [],
    read: ({ purges }) => [[{}, purges.responses]],
  },
  {
    name: 'refreshes_total',
    help: 'Refreshes behind answers, by what they came to.',
    unit: '{refresh}',
    labels: ['result'],
    read: ({ refreshes }) => each('result', refreshes),
  },
];

/** What is measured, by its name in the statistics. */
export const DURATIONS: Readonly<Record<keyof CacheStats['latency'], { name: string; help: string }>> = {
  lookup: { name: 'lookup_duration_seconds', help: 'Duration of look-ups in the store.' },
  store: { name: 'store_duration_seconds', help: 'Duration of storing a response.' },
  origin: { name: 'origin_duration_seconds', help: "Duration of the app's answers that may be stored." },
  hit: {
    name: 'hit_duration_seconds',
    help: 'Time from the coming of a request to its answer from the cache.',
  },
};

function each(label: string, counts: Readonly<Record<string, number>>): (readonly [Labels, number])[] {
  return Object.entries(counts).map(([word, count]) => [{ [label]: word }, count]);
}
