import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { fewFrameworks, type Handler, serve, timedCache } from '../support/app.ts';
import { ask } from '../support/client.ts';

test.each(
  fewFrameworks.flatMap(({ name, app }) =>
    ['max-age=0', 'no-cache', 'max-age=0, stale-if-error=60'].map((value) => ({ name, app, value })),
  ),
)(
  '$name: 30 requests at once for a response with $value do not wait for each other',
  async ({ app, value }) => {
    const { cache } = timedCache();
    let running = 0;
    let most = 0;
    const handler: Handler = async (_req, res) => {
      running++;
      most = Math.max(most, running);
      await sleep(100);
      running--;
      res.setHeader('Cache-Control', value).setHeader('ETag', '"1"').end('a file');
    };
    const port = await serve(app(cache as Handler, handler));
    for (let round = 0; round < 2; round++) {
      most = 0;
      const startedAt = performance.now();
      const answers = await Promise.all(Array.from({ length: 30 }, () => ask(port)));
      expect(answers.map(({ body }) => body)).toEqual(Array(30).fill('a file'));
      // One after the other they take three seconds.
      expect(performance.now() - startedAt).toBeLessThan(1500);
      expect(most).toBeGreaterThan(20);
      await cache.idle();
    }
  },
);
