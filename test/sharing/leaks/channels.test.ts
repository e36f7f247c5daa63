import { describe, expect, test } from '@jest/globals';
import { frameworks } from '../../support/app.ts';
import { sized } from '../../support/long.ts';
import { type Channel, channels } from './support/channels.ts';
import { allAtOnce, everyOrder, mountings, stage } from './support/stage.ts';

/* Whatever an app tells its callers apart by, each caller is given the own page, whoever asked before. */

const PLACES = ['Express 5 behind', 'Express 5 at', 'Express 4 on', 'node:http behind'];

/** The first place has all channels, and each of the others its share; `npm run test:long` has every channel everywhere. */
function shareOf(place: string): readonly Channel[] {
  const at = PLACES.findIndex((start) => place.startsWith(start));
  const short = channels.filter((_, i) => at === 0 || (at > 0 && i % 3 === at - 1));
  return sized(short, channels);
}

describe.each(frameworks)('$name', (framework) => {
  for (const { name, fits, build } of mountings) {
    const here = shareOf(`${framework.name} ${name}`).filter((channel) => fits(framework, channel));
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
