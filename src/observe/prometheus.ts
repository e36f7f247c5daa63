import { Counter, Histogram, type HistogramConfiguration, type Registry } from 'prom-client';
import { BOUNDS, type Latency } from './histogram.ts';
import { COUNTERS, DURATIONS } from './metrics.ts';
import type { CacheStats } from './stats.ts';

/** The metrics of caches for Prometheus, by prom-client: `redis-response-cache/prometheus`. */

/** What is needed of a cache: what `redisCache` returns has it. */
interface Source {
  stats(): CacheStats;
}

/** Where `prometheus` reports. */
export interface PrometheusOptions {
  /** The registry that the app is scraped from: prom-client's `register`, or one of your own. */
  readonly register: Registry;
}

const PREFIX = 'redis_response_cache_';

/** The caches that a registry reports, by name. */
const registered = new WeakMap<Registry, Map<string, Source>>();

/**
 * Reports a cache on a registry: counters, and histograms of durations, all named `redis_response_cache_*` and labelled
 * `cache` with the cache's `name`. They are read from `cache.stats()` when the registry is scraped, so requests pay
 * nothing. Several caches may be reported on one registry, if their names differ.
 * @returns a function that takes the cache off again.
 * @throws {TypeError} where the registry reports a cache of that name already.
 */
export function prometheus(cache: Source, { register }: PrometheusOptions): () => void {
  const caches = registered.get(register) ?? begin(register);
  const { cache: name } = cache.stats();
  if (caches.has(name)) {
    throw new TypeError(`prometheus: a cache named ${name} is reported already; give each its own \`name\``);
  }
  caches.set(name, cache);
  return () => {
    if (caches.get(name) === cache) caches.delete(name);
  };
}

function begin(register: Registry): Map<string, Source> {
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
    const histogram = new Measured({ name: PREFIX + name, help, labelNames: ['cache'], buckets, registers });
    histogram.read = () =>
      [...caches].map(([cache, source]) => [cache, source.stats().latency[step as keyof typeof DURATIONS]]);
  }
  registered.set(register, caches);
  return caches;
}

type Exported = Awaited<ReturnType<Histogram['get']>>;
type Value = Exported['values'][number];

/** A histogram whose measurements were put into their buckets elsewhere. */
class Measured extends Histogram<'cache'> {
  readonly #shown: Pick<Exported, 'name' | 'help'>;
  read: () => [cache: string, Latency][] = () => [];

  constructor(configuration: HistogramConfiguration<'cache'>) {
    super(configuration);
    const { name, help } = configuration;
    this.#shown = { name, help };
  }

  override async get(): Promise<Exported> {
    const values = this.read().flatMap(([cache, { buckets, count, sum }]): Value[] => [
      ...buckets.map(({ le, count }) => this.#value('bucket', { le: le / 1000, cache }, count)),
      this.#value('bucket', { le: '+Inf', cache }, count),
      this.#value('sum', { cache }, sum / 1000),
      this.#value('count', { cache }, count),
    ]);
    return {
      ...this.#shown,
      type: 'histogram' as unknown as Exported['type'],
      aggregator: 'sum',
      values,
    } as Exported;
  }

  /** What the registry asks for when it writes text, in the versions that have it. */
  async getForPromString(): Promise<Exported> {
    return this.get();
  }

  #value(what: string, labels: Record<string, number | string>, value: number): Value {
    return { metricName: `${this.#shown.name}_${what}`, labels, value };
  }
}
