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
import { assertCache, OptionError } from '../errors.ts';
import { assertKnownKeys } from '../known-names.ts';
import { BOUNDS } from './histogram.ts';
import { COUNTERS, DURATIONS } from './metrics.ts';
import type { CacheEvents, RequestEvent } from './outcome.ts';
import type { CacheStats } from './stats.ts';

/** Metrics and traces of a cache for OpenTelemetry: `redis-response-cache/otel`. */

/** The cache to report: what `redisCache` returns. */
interface Source {
  stats(): CacheStats;
  on(event: 'request', listener: (...args: CacheEvents['request']) => void): unknown;
  off(event: 'request', listener: (...args: CacheEvents['request']) => void): unknown;
}

/** Where `otel` reports. */
export interface OtelOptions {
  /** Makes the metrics; default: no metrics. */
  readonly meter?: Meter | undefined;
  /** Makes the spans; default: no spans. */
  readonly tracer?: Tracer | undefined;
}

const PREFIX = 'redis_response_cache.';
const STEPS = ['lookup', 'origin', 'store'] as const;

/**
 * Reports a cache to OpenTelemetry.
 *
 * With a `meter`: observable counters `redis_response_cache.*`, read from `cache.stats()` when they are collected, and
 * histograms of durations in seconds. All have the attribute `cache`, the cache's `name`.
 *
 * With a `tracer`: a span for each request that the cache decided about. Its parent is the span that was active when the
 * request reached the cache; its children are the steps `lookup`, `origin` (the app's answer to a fill) and `store`. The
 * spans are made from measured times when the request ends, so the app's own spans are siblings of `cache origin`.
 * @returns a function that stops the reports.
 * @throws {OptionError} if there is neither a meter nor a tracer. @throws {ArgumentError} if it is not a cache.
 */
export function otel(cache: Source, options: OtelOptions): () => void {
  assertCache('otel', cache, ['stats', 'on', 'off']);
  const { meter, tracer } = parsedOptions(options);
  const { cache: name } = cache.stats();
  const stops = [meter && reportMetrics(cache, name, meter), tracer && reportSpans(cache, name, tracer)];
  return () => {
    for (const stop of stops) stop?.();
  };
}

function parsedOptions(options: unknown): OtelOptions {
  if (options !== undefined) assertKnownKeys('otel', options, ['meter', 'tracer']);
  const { meter, tracer } = (options ?? {}) as OtelOptions;
  const accepted = 'an object with a meter, a tracer, or both, such as { meter: metrics.getMeter("app") }';
  if (!meter && !tracer) throw new OptionError('otel', options, accepted);
  if (meter && typeof meter.createHistogram !== 'function')
    throw new OptionError('otel.meter', meter, 'a Meter, such as metrics.getMeter("app")');
  if (tracer && typeof tracer.startSpan !== 'function')
    throw new OptionError('otel.tracer', tracer, 'a Tracer, such as trace.getTracer("app")');
  return { ...(meter && { meter }), ...(tracer && { tracer }) };
}

function reportMetrics(cache: Source, name: string, meter: Meter): () => void {
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
  const record = ({ kind, durationsMs }: RequestEvent): void => {
    const measured: Record<string, number | undefined> = {
      ...durationsMs,
      hit: kind === 'hit' ? durationsMs.total : undefined,
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

function reportSpans(cache: Source, name: string, tracer: Tracer): () => void {
  const listener = (event: RequestEvent): void => {
    const { startedAt, startsMs, durationsMs, result } = event;
    const span = tracer.startSpan(
      `cache ${result}`,
      { kind: SpanKind.INTERNAL, startTime: startedAt, attributes: attributesOf(name, event) },
      context.active(),
    );
    const parent = trace.setSpan(context.active(), span);
    for (const step of STEPS) {
      const startMs = startsMs[step];
      const durationMs = durationsMs[step];
      if (startMs === undefined || durationMs === undefined) continue;
      const startTime = startedAt + startMs;
      const child = tracer.startSpan(`cache ${step}`, { kind: SpanKind.INTERNAL, startTime }, parent);
      child.end(startTime + durationMs);
    }
    if (event.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(startedAt + durationsMs.total);
  };
  cache.on('request', listener);
  return () => void cache.off('request', listener);
}

/** No cache key, no URL and no header field: they may hold user data. */
function attributesOf(name: string, event: RequestEvent): Attributes {
  const { result, fwd, detail, stored, ttlMs, refresh, method, status } = event;
  const attributes: Attributes = {
    [`${PREFIX}name`]: name,
    [`${PREFIX}result`]: result,
    [`${PREFIX}fwd`]: fwd,
    [`${PREFIX}detail`]: detail,
    [`${PREFIX}stored`]: stored,
    // In seconds, as in `Cache-Status`.
    [`${PREFIX}ttl`]: ttlMs === undefined ? undefined : Math.floor(ttlMs / 1000),
    [`${PREFIX}refresh`]: refresh,
    'http.request.method': method,
    'http.response.status_code': status,
  };
  return attributes;
}

/** `redis_response_cache.requests` for `requests_total`: in OpenTelemetry the unit and the kind are not part of a name. */
function nameOf(prometheus: string): string {
  return (
    PREFIX +
    prometheus
      .replace(/_total$/, '')
      .replace(/_seconds|_bytes/, '')
      .replace('_duration', '.duration')
  );
}
