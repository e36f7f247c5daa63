import {
  type Attributes,
  context,
  type Meter,
  type ObservableCounter,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { BOUNDS } from './histogram.ts';
import { COUNTERS, DURATIONS } from './metrics.ts';
import type { CacheEvents, RequestEvent } from './outcome.ts';
import type { CacheStats } from './stats.ts';

/** Metrics and traces of a cache for OpenTelemetry: `redis-response-cache/otel`. */

/** What is needed of a cache: what `redisCache` returns has it. */
interface Source {
  stats(): CacheStats;
  on(event: 'request', listener: (...args: CacheEvents['request']) => void): unknown;
  off(event: 'request', listener: (...args: CacheEvents['request']) => void): unknown;
}

/** Where `otel` reports. */
export interface OtelOptions {
  /** Where metrics go. Left out: there are none. */
  readonly meter?: Meter;
  /** Where spans go. Left out: there are none. */
  readonly tracer?: Tracer;
}

const PREFIX = 'redis_response_cache.';
const STEPS = ['lookup', 'origin', 'store'] as const;

/**
 * Reports a cache to OpenTelemetry. `meter`: observable counters `redis_response_cache.*`, read from `cache.stats()` when
 * they are collected, and histograms of durations in seconds; all with the attribute `cache`, the cache's `name`.
 * `tracer`: a span for each request that the cache decided about, a child of the one that was active when the request came
 * to the cache, with a span for each step: `lookup`, `origin` (the app's answer to a fill) and `store`. Spans are made
 * when the answer is there, by the times that were measured, so the app's own spans are their siblings.
 * @returns a function that ends it.
 */
export function otel(cache: Source, { meter, tracer }: OtelOptions): () => void {
  const { cache: name } = cache.stats();
  const ends = [meter && measure(cache, name, meter), tracer && traceBy(cache, name, tracer)];
  return () => {
    for (const end of ends) end?.();
  };
}

function measure(cache: Source, name: string, meter: Meter): () => void {
  const counters = new Map<ObservableCounter, (typeof COUNTERS)[number]>(
    COUNTERS.map((counter) => {
      const { help: description, unit } = counter;
      return [meter.createObservableCounter(nameOf(counter.name), { description, unit }), counter];
    }),
  );
  const observed = [...counters.keys()];
  const observe: Parameters<Meter['addBatchObservableCallback']>[0] = (result) => {
    const stats = cache.stats();
    for (const [instrument, { read }] of counters) {
      for (const [labels, count] of read(stats))
        result.observe(instrument, count, { cache: name, ...labels });
    }
  };
  const durations = Object.entries(DURATIONS).map(([step, { name, help: description }]) => {
    const advice = { explicitBucketBoundaries: BOUNDS.map((ms) => ms / 1000) };
    return [step, meter.createHistogram(nameOf(name), { description, unit: 's', advice })] as const;
  });
  const record = ({ kind, took }: RequestEvent): void => {
    const measured: Record<string, number | undefined> = {
      ...took,
      hit: kind === 'hit' ? took.total : undefined,
    };
    for (const [step, histogram] of durations) {
      const ms = measured[step];
      if (ms !== undefined) histogram.record(ms / 1000, { cache: name });
    }
  };
  meter.addBatchObservableCallback(observe, observed);
  cache.on('request', record);
  return () => {
    meter.removeBatchObservableCallback(observe, observed);
    cache.off('request', record);
  };
}

function traceBy(cache: Source, name: string, tracer: Tracer): () => void {
  const listener = (event: RequestEvent): void => {
    const { startedAt, at, took, result } = event;
    const span = tracer.startSpan(
      `cache ${result}`,
      { kind: SpanKind.INTERNAL, startTime: startedAt, attributes: attributesOf(name, event) },
      context.active(),
    );
    const inside = trace.setSpan(context.active(), span);
    for (const step of STEPS) {
      const from = at[step];
      const ms = took[step];
      if (from === undefined || ms === undefined) continue;
      const startTime = startedAt + from;
      tracer.startSpan(`cache ${step}`, { kind: SpanKind.INTERNAL, startTime }, inside).end(startTime + ms);
    }
    if (event.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(startedAt + took.total);
  };
  cache.on('request', listener);
  return () => void cache.off('request', listener);
}

/** About this one answer, and of nobody: neither key nor URL nor header fields. */
function attributesOf(name: string, event: RequestEvent): Attributes {
  const { result, fwd, detail, stored, ttl, refresh, method, status } = event;
  const attributes: Attributes = {
    [`${PREFIX}name`]: name,
    [`${PREFIX}result`]: result,
    [`${PREFIX}fwd`]: fwd,
    [`${PREFIX}detail`]: detail,
    [`${PREFIX}stored`]: stored,
    [`${PREFIX}ttl`]: ttl,
    [`${PREFIX}refresh`]: refresh,
    'http.request.method': method,
    'http.response.status_code': status,
  };
  return attributes;
}

/** `requests_total` is `redis_response_cache.requests` here: the unit and the kind are no part of a name. */
function nameOf(prometheus: string): string {
  return (
    PREFIX +
    prometheus
      .replace(/_total$/, '')
      .replace(/_seconds|_bytes/, '')
      .replace('_duration', '.duration')
  );
}
