import { expect, test } from '@jest/globals';
import { fewFrameworks, type Handler, serve, timedCache } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { awake, until } from '../support/until.ts';

const REQUESTS = 30;
/** How long the runs wait for each other, in milliseconds. */
const LIMIT = 5000;

test.each(
  fewFrameworks.flatMap(({ name, app }) =>
    ['max-age=0', 'no-cache', 'max-age=0, stale-if-error=60'].map((value) => ({ name, app, value })),
  ),
)(
  '$name: 30 requests at once for a response with $value do not wait for each other',
  async ({ app, value }) => {
    const { cache } = timedCache();
    let arrived = 0;
    let entered = 0;
    let late = 0;
    const handler: Handler = async (_req, res) => {
      const run = ++entered;
      if (run === 1) {
        // The others wait for this run, or run as well.
        await until(() => arrived === REQUESTS);
        await awake(50);
      } else {
        await until(() => entered === REQUESTS, LIMIT).catch(() => late++);
      }
      res.setHeader('Cache-Control', value).setHeader('ETag', '"1"').end('a file');
    };
    const listener = app(cache as Handler, handler);
    const port = await serve((req, res) => {
      arrived++;
      listener(req, res);
    });
    for (let round = 0; round < 2; round++) {
      arrived = 0;
      entered = 0;
      const answers = await Promise.all(Array.from({ length: REQUESTS }, () => ask(port)));
      expect(answers.map(({ body }) => body)).toEqual(Array(REQUESTS).fill('a file'));
      // A request that had waited for any but the first would not have run while that one did.
      expect(late).toBe(0);
      expect(entered).toBe(REQUESTS);
      await cache.idle();
    }
  },
);
