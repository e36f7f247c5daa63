import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import type { CacheOptions } from '../../src/index.ts';
import { prometheus } from '../../src/observe/prometheus.ts';
import { newCache } from '../support/app.ts';
import { expresses } from '../support/expresses.ts';
import { type Shop, shop } from './support/shop.ts';

/** Traffic that moves every metric, faults included. */
async function traffic({ cache, settled, later }: Shop): Promise<void> {
  await settled('/text');
  await settled('/text');
  await settled('/private');
  await settled('/tagged?throws');
  await settled({ path: '/text', headers: { 'If-Match': '"a"' } });
  await settled('/behind');
  later(20_000);
  await settled('/behind');
  await cache.purge({ tag: 'things' });
}

const options: CacheOptions = {
  storeWhen: (req) => {
    if (req.url?.includes('throws')) throw new Error('no');
    return true;
  },
};

/** The samples of a scrape: names, labels, values. */
function samples(text: string): { name: string; labels: Record<string, string>; value: number }[] {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const [, name = '', inner = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line)!;
    const labels = Object.fromEntries([...inner.matchAll(/(\w+)="([^"]*)"/g)].map(([, k, v]) => [k, v]));
    return { name, labels, value: Number(value) };
  });
}

describe.each(expresses)('a scrape, %s', (_, make) => {
  test('has the values of cache.stats()', async () => {
    const register = new Registry();
    const store = await shop({ ...options, name: 'shop' }, make);
    prometheus(store.cache, { register });
    await traffic(store);
    const all = samples(await register.metrics());
    const value = (name: string, labels: Record<string, string> = {}): number | undefined =>
      all.find(
        (sample) =>
          sample.name === `redis_response_cache_${name}` &&
          Object.entries({ cache: 'shop', ...labels }).every(([k, v]) => sample.labels[k] === v),
      )?.value;
    const stats = store.cache.stats();
    expect(value('requests_total', { outcome: 'hit' })).toBe(1);
    expect(value('requests_total', { outcome: 'stale' })).toBe(1);
    expect(value('requests_total', { outcome: 'unsatisfied' })).toBe(0);
    expect(value('forwarded_total', { reason: 'uri-miss' })).toBe(4);
    expect(value('refused_total', { reason: 'private' })).toBe(1);
    expect(value('details_total', { detail: 'precondition' })).toBe(1);
    expect(value('faults_total', { step: 'option', code: 'error' })).toBe(1);
    expect(value('served_bytes_total')).toBe(stats.bytes);
    expect(value('saved_seconds_total')).toBe(stats.savedMs / 1000);
    expect(value('purges_total', { result: 'confirmed' })).toBe(1);
    expect(value('refreshes_total', { result: 'stored' })).toBe(1);
    expect(value('lookup_duration_seconds_count')).toBe(stats.latencyMs.lookup.count);
    expect(value('lookup_duration_seconds_bucket', { le: '+Inf' })).toBe(stats.latencyMs.lookup.count);
    expect(value('lookup_duration_seconds_sum')).toBeCloseTo(stats.latencyMs.lookup.sum / 1000);
    expect(value('hit_duration_seconds_count')).toBe(2);
  });
});

describe('a registry', () => {
  test('reports several caches by name, and none after it was removed', async () => {
    const register = new Registry();
    const [a, b] = [newCache({ name: 'a' }), newCache({ name: 'b' })];
    const stop = prometheus(a, { register });
    prometheus(b, { register });
    const names = async (): Promise<unknown> => [
      ...new Set(samples(await register.metrics()).map(({ labels }) => labels.cache)),
    ];
    expect(await names()).toEqual(['a', 'b']);
    expect(() => prometheus(a.with({ ttl: '1s' }), { register })).toThrow(
      'prometheus(): the registry already reports a cache named "a". Give each cache its own option "name".',
    );
    stop();
    expect(await names()).toEqual(['b']);
    prometheus(a, { register });
    expect(await names()).toEqual(['b', 'a']);
  });

  test('names its metrics by the conventions of Prometheus, as JSON too', async () => {
    const register = new Registry();
    prometheus(newCache(), { register });
    const metrics = await register.getMetricsAsJSON();
    expect(metrics.length).toBeGreaterThanOrEqual(15);
    for (const { name, type, help } of metrics) {
      expect(name).toMatch(String(type) === 'counter' ? /^redis_response_cache_[a-z_]+_total$/ : /_seconds$/);
      expect(help).toMatch(/^[A-Z].*\.$/);
    }
    expect(samples(await register.metrics()).every(({ labels }) => labels.cache)).toBe(true);
  });
});

describe('the Grafana dashboard', () => {
  const board = JSON.parse(readFileSync('examples/grafana/dashboard.json', 'utf8'));
  const exprs: string[] = board.panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
    targets.map(({ expr }) => expr),
  );

  test('queries every metric, and no metric or label that a scrape after traffic does not have', async () => {
    const register = new Registry();
    const store = await shop(options);
    prometheus(store.cache, { register });
    await traffic(store);
    const all = samples(await register.metrics());
    const names = new Set(all.map(({ name }) => name));
    const asked = new Set<string>();
    expect(exprs.length).toBeGreaterThan(20);
    for (const expr of exprs) {
      const selectors = [...expr.matchAll(/\b(redis_response_cache_\w+)\{([^}]*)\}\[(\$__\w+)\]/g)];
      expect([expr, selectors.length > 0]).toEqual([expr, true]);
      // Every name in the query is part of a selector that was understood.
      expect(expr.match(/redis_response_cache_\w+/g)).toHaveLength(selectors.length);
      const grouped = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list]) => list!.split(/, */));
      for (const [, name = '', inner = ''] of selectors) {
        asked.add(name.replace(/_(?:bucket|sum|count)$/, ''));
        const matching = all.filter((sample) => sample.name === name);
        expect([name, matching.length > 0]).toEqual([name, true]);
        const matchers = [...inner.matchAll(/(\w+)(=~|=)"([^"]*)"/g)];
        for (const label of [...matchers.map(([, label]) => label!), ...grouped]) {
          expect([name, Object.keys(matching[0]!.labels)]).toEqual([name, expect.arrayContaining([label])]);
        }
        for (const [, label, , pattern] of matchers.filter(([, label]) => label !== 'cache')) {
          for (const word of pattern!.split('|')) {
            expect(matching.map(({ labels }) => labels[label!])).toContain(word);
          }
        }
      }
      for (const [, word] of expr.matchAll(/\b([a-z_]+)\s*\(/g)) {
        expect(['sum', 'by', 'rate', 'increase', 'histogram_quantile']).toContain(word);
      }
    }
    // And leaves nothing out.
    expect([...asked].sort()).toEqual(
      [...new Set([...names].map((name) => name.replace(/_(?:bucket|sum|count)$/, '')))].sort(),
    );
    const [, variable] = board.templating.list;
    expect(variable.query).toBe('label_values(redis_response_cache_requests_total, cache)');
  });
});
