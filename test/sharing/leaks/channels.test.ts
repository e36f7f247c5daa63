import { describe, expect, test } from '@jest/globals';
import { frameworks } from '../../support/app.ts';
import { sized } from '../../support/long.ts';
import { channels } from './support/channels.ts';
import { allAtOnce, everyOrder, mountings, stage } from './support/stage.ts';

/* Whatever an app tells its callers apart by, each caller is given the own page, whoever asked before. */

/** Every framework and every mounting takes its turn; `npm run test:long` has all pairs. */
const SHORT = ['Express 5 behind', 'Express 5 at', 'Express 4 on', 'node:http behind'];
const isHere = (framework: string, mounting: string): boolean =>
  sized(
    SHORT.some((start) => `${framework} ${mounting}`.startsWith(start)),
    true,
  );

describe.each(frameworks)('$name', (framework) => {
  for (const { name, fits, build } of mountings.filter(({ name }) => isHere(framework.name, name))) {
    const here = channels.filter((channel) => fits(framework, channel));
    if (here.length === 0) continue;
    describe(name, () => {
      test.each(here)('$name: each caller gets the own page, in turn and at once', async (channel) => {
        const app = await stage(channel, {}, (...parts) => build(framework, ...parts));
        await everyOrder(app);
        await allAtOnce(app);
        expect(app.wrong).toEqual([]);
      });
    });
  }
});
