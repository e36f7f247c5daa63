import type { CacheStats } from './stats.ts';

/** The metrics of a cache, in one table for all monitoring systems. */

type Labels = Readonly<Record<string, string>>;

/** A count that only grows, for each combination of its labels. */
export interface Counter {
  /** The name in Prometheus, without the prefix. In OpenTelemetry it has dots and no unit. */
  readonly name: string;
  readonly help: string;
  /** The unit in UCUM notation, as OpenTelemetry writes it. */
  readonly unit: string;
  readonly labels: readonly string[];
  read(stats: CacheStats): (readonly [Labels, number])[];
}

export const COUNTERS: readonly Counter[] = [
  {
    name: 'requests_total',
    help: 'Requests by outcome.',
    unit: '{request}',
    labels: ['outcome'],
    read: ({ requests }) => each('outcome', requests),
  },
  {
    name: 'forwarded_total',
    help: 'Forwarded requests by reason (fwd in Cache-Status, RFC 9211).',
    unit: '{request}',
    labels: ['reason'],
    read: ({ forwarded }) => each('reason', forwarded),
  },
  {
    name: 'details_total',
    help: 'Requests by detail in Cache-Status.',
    unit: '{request}',
    labels: ['detail'],
    read: ({ details }) => each('detail', details),
  },
  {
    name: 'stored_total',
    help: 'Responses that were stored, new or confirmed.',
    unit: '{response}',
    labels: [],
    read: ({ stored }) => [[{}, stored]],
  },
  {
    name: 'refused_total',
    help: 'Responses that were not stored, by reason.',
    unit: '{response}',
    labels: ['reason'],
    read: ({ refused }) => each('reason', refused),
  },
  {
    name: 'faults_total',
    help: 'Errors that the cache handled, by step and code.',
    unit: '{fault}',
    labels: ['step', 'code'],
    read: ({ faults }) =>
      Object.entries(faults).flatMap(([step, codes]) =>
        Object.entries(codes).map(([code, count]) => [{ step, code }, count] as const),
      ),
  },
  {
    name: 'served_bytes_total',
    help: 'Bytes of body sent from stored responses.',
    unit: 'By',
    labels: [],
    read: ({ bytes }) => [[{}, bytes]],
  },
  {
    name: 'saved_seconds_total',
    help: 'Time that the app took to make the stored responses that were sent.',
    unit: 's',
    labels: [],
    read: ({ savedMs }) => [[{}, savedMs / 1000]],
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
    help: 'Refreshes in the background by result.',
    unit: '{refresh}',
    labels: ['result'],
    read: ({ refreshes }) => each('result', refreshes),
  },
];

/** The histograms of durations, by their name in the statistics. */
export const DURATIONS: Readonly<Record<keyof CacheStats['latencyMs'], { name: string; help: string }>> = {
  lookup: { name: 'lookup_duration_seconds', help: 'Duration of lookups in the store.' },
  store: { name: 'store_duration_seconds', help: 'Duration of storing a response.' },
  origin: { name: 'origin_duration_seconds', help: "Duration of the app's answers to fills." },
  hit: {
    name: 'hit_duration_seconds',
    help: 'Time from the arrival of a request to its answer from the cache.',
  },
};

function each(label: string, counts: Readonly<Record<string, number>>): (readonly [Labels, number])[] {
  return Object.entries(counts).map(([word, count]) => [{ [label]: word }, count]);
}
