import type { RequestListener } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { inject } from 'light-my-request';
import serverless from 'serverless-http';
import { frameworks, type Handler, newCache } from '../support/app.ts';

/* Apps that are run by adapters without sockets. */

function counting(): { handler: Handler; runs: () => number } {
  let runs = 0;
  return {
    runs: () => runs,
    handler(_req, res) {
      runs++;
      // The response of serverless-http returns nothing here.
      res.setHeader('Content-Type', 'text/plain');
      res.end(`run ${runs}`);
    },
  };
}

describe.each(frameworks)('$name', ({ app }) => {
  test('behind serverless-http, a second GET is a hit', async () => {
    const { handler, runs } = counting();
    const cache = newCache({ ttl: '1h' });
    const invoke = serverless(app(cache as unknown as Handler, handler) as never);
    const event = {
      httpMethod: 'GET',
      path: '/a',
      headers: { host: 'api.example' },
      multiValueHeaders: { host: ['api.example'] },
      requestContext: {},
    };
    const answers: unknown[] = [];
    for (let i = 0; i < 2; i++) {
      const { statusCode, body, headers } = (await invoke(
        structuredClone(event) as never,
        {} as never,
      )) as never as {
        statusCode: number;
        body: string;
        headers: Record<string, string>;
      };
      answers.push([statusCode, body, headers['cache-status']?.split('; ')[1]?.slice(0, 3)]);
      await cache.idle();
    }
    expect(answers).toEqual([
      [200, 'run 1', 'fwd'],
      [200, 'run 1', 'hit'],
    ]);
    expect(runs()).toBe(1);
  });

  test('asked by light-my-request (inject), a second GET is a hit', async () => {
    const { handler, runs } = counting();
    const cache = newCache({ ttl: '1h' });
    const listener = app(cache as unknown as Handler, handler) as RequestListener;
    const answers: unknown[] = [];
    for (let i = 0; i < 2; i++) {
      const answer = await inject(listener as never, { method: 'GET', url: 'http://api.example/a' });
      answers.push([answer.statusCode, answer.body]);
      await cache.idle();
    }
    expect(answers).toEqual([
      [200, 'run 1'],
      [200, 'run 1'],
    ]);
    expect(runs()).toBe(1);
  });
});
