import { describe, expect, test } from '@jest/globals';
import {
  dispatch,
  isInternal,
  type RequestTemplate,
  templateOf,
} from '../../src/exchange/internal-request.ts';
import { expresses, frameworks, type Handler, newCache } from '../support/apps.ts';
import { DEADLINE, Stage } from './support/twice.ts';

/* A cache takes a request that nobody sent like any other. */

describe.each(frameworks)('$name', ({ app }) => {
  test('what a cache stores of a request that nobody sent answers the next client', async () => {
    const cache = newCache({ ttl: '1m' });
    const runs: boolean[] = [];
    const handler: Handler = (req, res) => {
      runs.push(isInternal(req));
      res.setHeader('Content-Type', 'text/plain');
      res.end(`run ${runs.length}`);
    };
    const stage = new Stage(app(cache as unknown as Handler, handler));
    await stage.ask('/a?b=1&c=2');
    await cache.purge({ all: true });

    expect(await stage.repeat()).toEqual({ kind: 'finished', status: 200 });
    const answer = await stage.ask('/a?c=2&b=1');
    expect(answer.header('cache-status')).toContain('hit');
    expect(answer.body).toBe('run 2');
    expect(runs).toEqual([false, true]);
  });

  test('what was cut off at the deadline is not stored', async () => {
    const cache = newCache({ ttl: '1m' });
    const handler: Handler = (req, res) => {
      res.setHeader('Content-Type', 'text/plain');
      res.write('half');
      if (!isInternal(req)) res.end(' and half');
    };
    const stage = new Stage(app(cache as unknown as Handler, handler));
    await stage.ask('/');
    await cache.purge({ all: true });
    expect(await stage.repeat(50)).toEqual({ kind: 'timed-out' });
    // And nobody waits for it.
    const answer = await stage.ask('/');
    expect(answer.header('cache-status')).toBe('redis-response-cache; fwd=uri-miss');
    expect(answer.body).toBe('half and half');
  });
});

test.each(expresses)('%s: without a credential the cache finds what it is aimed at', async (_name, make) => {
  const cache = newCache({ ttl: '1m' });
  const app = make().set('trust proxy', true);
  app.use(cache).get('/a', (_req, res) => void res.json({}));
  const stage = new Stage(app);
  const proxied = {
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'b.example',
    'X-Forwarded-For': '1.2.3.4',
  };
  let blueprint: RequestTemplate | undefined;
  stage.server.prependListener('request', (req) => {
    blueprint ??= templateOf(req, () => false);
  });
  await stage.ask({ path: '/a', headers: { ...proxied, Cookie: 'sid=1' } });
  await cache.purge({ all: true });
  await dispatch(blueprint!, stage.entrance!, { timeoutMs: DEADLINE });
  const answer = await stage.ask({ path: '/a', headers: proxied });
  expect(answer.header('cache-status')).toContain('hit');
});
