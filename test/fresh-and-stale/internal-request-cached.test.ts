import { describe, expect, test } from '@jest/globals';
import {
  dispatch,
  isInternal,
  type RequestTemplate,
  templateOf,
} from '../../src/exchange/internal-request.ts';
import { frameworks, type Handler, newCache } from '../support/app.ts';
import { expresses } from '../support/expresses.ts';
import { Stage, TIMEOUT_MS } from './support/twice.ts';

/* A cache handles an internal request like any other. */

describe.each(frameworks)('$name', ({ app }) => {
  test('a response stored by an internal request answers the next client', async () => {
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

  test('a response that the timeout cut off is not stored', async () => {
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
    // And it holds no lease, so the next request is not delayed.
    const answer = await stage.ask('/');
    expect(answer.header('cache-status')).toBe('redis-response-cache; fwd=uri-miss');
    expect(answer.body).toBe('half and half');
  });
});

test.each(expresses)(
  '%s: an internal request without credentials has the same target for the cache',
  async (_name, make) => {
    const cache = newCache({ ttl: '1m' });
    const app = make().set('trust proxy', true);
    app.use(cache).get('/a', (_req, res) => void res.json({}));
    const stage = new Stage(app);
    const proxied = {
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'b.example',
      'X-Forwarded-For': '1.2.3.4',
    };
    let template: RequestTemplate | undefined;
    stage.server.prependListener('request', (req) => {
      template ??= templateOf(req, () => false);
    });
    await stage.ask({ path: '/a', headers: { ...proxied, Cookie: 'sid=1' } });
    await cache.purge({ all: true });
    await dispatch(template!, stage.listener!, { timeoutMs: TIMEOUT_MS });
    const answer = await stage.ask({ path: '/a', headers: proxied });
    expect(answer.header('cache-status')).toContain('hit');
  },
);
