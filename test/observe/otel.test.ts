import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import express from 'express';
import { otel } from '../../src/observe/otel.ts';
import { newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { shop } from './support/shop.ts';

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const tracer = provider.getTracer('test');

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
beforeEach(() => exporter.reset());
afterAll(async () => {
  context.disable();
  await provider.shutdown();
});

const ms = ([seconds, nanos]: ReadableSpan['startTime']): number => seconds * 1000 + nanos / 1e6;

describe('otel with a tracer', () => {
  test('makes a child span of the active one with a span for each step, without keys, URLs or fields', async () => {
    const cache = newCache({ redis: process.env.TEST_REDIS_URL as string, prefix: `otel-${process.pid}:` });
    const stop = otel(cache, { tracer });
    const app = express();
    app.use((req, res, next) => {
      const span = tracer.startSpan(`request ${req.method}`);
      res.once('finish', () => span.end());
      context.with(trace.setSpan(context.active(), span), next);
    });
    app.use(cache);
    app.get('/slow', (_req, res) => void setTimeout(() => res.send('slow'), 30));
    const port = await serve(app);
    for (const path of ['/slow?token=s3cret', '/slow?token=s3cret']) {
      await ask(port, { path, headers: { 'X-Hidden': 'hunter2' } });
      await cache.idle();
    }
    await cache.purge({ all: true });

    const spans = exporter.getFinishedSpans();
    const byId = new Map(spans.map((span) => [span.spanContext().spanId, span]));
    const tree = spans.map((span) => [span.name, byId.get(span.parentSpanContext?.spanId ?? '')?.name]);
    expect(tree).toEqual(
      expect.arrayContaining([
        ['request GET', undefined],
        ['cache miss', 'request GET'],
        ['cache lookup', 'cache miss'],
        ['cache origin', 'cache miss'],
        ['cache store', 'cache miss'],
        ['cache hit', 'request GET'],
        ['cache lookup', 'cache hit'],
      ]),
    );
    expect(tree).toHaveLength(8);
    const miss = spans.find(({ name }) => name === 'cache miss')!;
    expect(miss.attributes).toEqual({
      'redis_response_cache.name': 'redis-response-cache',
      'redis_response_cache.result': 'miss',
      'redis_response_cache.fwd': 'uri-miss',
      'redis_response_cache.stored': true,
      'http.request.method': 'GET',
      'http.response.status_code': 200,
    });
    const origin = spans.find(({ name }) => name === 'cache origin')!;
    expect(ms(origin.duration)).toBeGreaterThanOrEqual(25);
    for (const step of spans.filter(({ name }) => /lookup|origin|store/.test(name))) {
      const parent = byId.get(step.parentSpanContext!.spanId)!;
      expect(ms(step.startTime)).toBeGreaterThanOrEqual(ms(parent.startTime) - 0.01);
      expect(ms(step.endTime)).toBeLessThanOrEqual(ms(parent.endTime) + 0.01);
    }
    expect(JSON.stringify(spans.map(({ attributes, name }) => [name, attributes]))).not.toMatch(
      /s3cret|hunter2/,
    );

    stop();
    exporter.reset();
    await ask(port, { path: '/slow' });
    expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(['request GET']);
  });
});

describe('otel with a meter', () => {
  test('reports the counts of cache.stats() and histograms of durations', async () => {
    const memory = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter: memory, exportIntervalMillis: 3_600_000 });
    const meters = new MeterProvider({ readers: [reader] });
    const { cache, settled } = await shop({ name: 'shop' });
    otel(cache, { meter: meters.getMeter('test') });
    await settled('/text');
    await settled('/text');
    await settled('/private');
    await meters.forceFlush();
    const metrics = memory.getMetrics()[0]!.scopeMetrics[0]!.metrics;
    const points = (name: string): [unknown, unknown][] =>
      metrics
        .find(({ descriptor }) => descriptor.name === `redis_response_cache.${name}`)!
        .dataPoints.map(({ attributes, value }) => [attributes, value]);
    expect(points('requests')).toContainEqual([{ cache: 'shop', outcome: 'hit' }, 1]);
    expect(points('requests')).toContainEqual([{ cache: 'shop', outcome: 'miss' }, 2]);
    expect(points('refused')).toEqual([[{ cache: 'shop', reason: 'private' }, 1]]);
    expect(points('served')).toEqual([[{ cache: 'shop' }, 25]]);
    expect(points('lookup.duration')).toEqual([[{ cache: 'shop' }, expect.objectContaining({ count: 3 })]]);
    expect(points('hit.duration')).toEqual([[{ cache: 'shop' }, expect.objectContaining({ count: 1 })]]);
    const units = new Map(metrics.map(({ descriptor: { name, unit } }) => [name, unit]));
    expect(units.get('redis_response_cache.served')).toBe('By');
    expect(units.get('redis_response_cache.saved')).toBe('s');
    expect(units.get('redis_response_cache.lookup.duration')).toBe('s');
    await meters.shutdown();
  });
});
