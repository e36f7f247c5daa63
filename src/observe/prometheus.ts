import { Counter, Histogram, type HistogramConfiguration, type Registry } from 'prom-client';
import { assertCache, OptionError } from '../errors.ts';
import { assertKnownKeys } from '../known-names.ts';
import { reportedCaches } from '../shared-state.ts';
import { BOUNDS, type LatencyFigures } from './histogram.ts';
import { COUNTERS, DURATIONS } from './metrics.ts';
import type { CacheStats } from './stats.ts';

/** The metrics of a cache for Prometheus, by prom-client: `redis-response-cache/prometheus`. */

/** The cache to report: what `redisCache` returns. */
interface Source {
  stats(): CacheStats;
}

/** Where `prometheus` reports. */
export interface PrometheusOptions {
  /** The registry that Prometheus scrapes: prom-client's `register`, or one of your own. */
  readonly register: Registry;
}

const PREFIX = 'redis_response_cache_';

/**
 * Reports a cache on a registry: counters and histograms of durations, all named `redis_response_cache_*`, with the label
 * `cache` for the cache's `name`. The values are read from `cache.stats()` when the registry is scraped, so requests cost
 * nothing more. One registry can report several caches if their names differ.
 * @returns a function that removes the cache from the registry.
 * @throws {OptionError} for a bad option, and if the registry already reports a cache with the same name. @throws {ArgumentError} if it is not a cache.
 */
export function prometheus(cache: Source, options: PrometheusOptions): () => void {
  assertCache('prometheus', cache, ['stats']);
  const register = registryIn(options);
  const caches = reportedCaches.get(register) ?? addMetrics(register);
  const { cache: name } = cache.stats();
  if (caches.has(name)) {
    throw new OptionError(
      'name',
      `prometheus(): the registry already reports a cache named "${name}". Give each cache its own option "name".`,
    );
  }
  caches.set(name, cache);
  return () => {
    if (caches.get(name) === cache) caches.delete(name);
  };
}

function registryIn(options: unknown): Registry {
  if (options !== undefined) assertKnownKeys('prometheus', options, ['register']);
  const { register } = (options ?? {}) as Partial<PrometheusOptions>;
  if (typeof register?.registerMetric === 'function') return register;
  const accepted = 'a registry of prom-client, such as { register } of its `register`';
  throw new OptionError('prometheus.register', register, accepted);
}

/** Adds the metrics to a registry, once for all its caches. */
function addMetrics(register: Registry): Map<string, Source> {
  const caches = new Map<string, Source>();
  const registers = [register];
  for (const { name, help, labels, read } of COUNTERS) {
    new Counter({
      ...{ name: PREFIX + name, help, labelNames: ['cache', ...labels], registers },
      collect() {
        this.reset();
        for (const [cache, source] of caches) {
          for (const [labels, count] of read(source.stats())) this.inc({ cache, ...labels }, count);
        }
      },
    });
  }
  for (const [step, { name, help }] of Object.entries(DURATIONS)) {
    const buckets = BOUNDS.map((ms) => ms / 1000);
    const histogram = new CountedHistogram({
      name: PREFIX + name,
      help,
      labelNames: ['cache'],
      buckets,
      registers,
    });
    histogram.read = () =>
      [...caches].map(([cache, source]) => [cache, source.stats().latencyMs[step as keyof typeof DURATIONS]]);
  }
  reportedCaches.set(register, caches);
  return caches;
}

type Exported = Awaited<ReturnType<Histogram['get']>>;
type Value = Exported['values'][number];

/** A histogram whose buckets are counted by the cache, not by prom-client. */
class CountedHistogram extends Histogram<'cache'> {
  readonly #metric: Pick<Exported, 'name' | 'help'>;
  read: () => [cache: string, LatencyFigures][] = () => [];

  constructor(configuration: HistogramConfiguration<'cache'>) {
    super(configuration);
    const { name, help } = configuration;
    this.#metric = { name, help };
  }

  override async get(): Promise<Exported> {
    const values = this.read().flatMap(([cache, { buckets, count, sum }]): Value[] => [
      ...buckets.map(({ le, count }) => this.#value('bucket', { le: le / 1000, cache }, count)),
      this.#value('bucket', { le: '+Inf', cache }, count),
      this.#value('sum', { cache }, sum / 1000),
      this.#value('count', { cache }, count),
    ]);
    return {
      ...this.#metric,
      type: 'histogram' as unknown as Exported['type'],
      aggregator: 'sum',
      values,
    } as Exported;
  }

  /** Recent versions of prom-client call this method when the registry writes text. */
  async getForPromString(): Promise<Exported> {
    return this.get();
  }

  #value(what: string, labels: Record<string, number | string>, value: number): Value {
    return { metricName: `${this.#metric.name}_${what}`, labels, value };
  }
}
