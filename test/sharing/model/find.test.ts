import { appendFileSync } from 'node:fs';
import { test } from '@jest/globals';
import { Redis } from 'ioredis';
import { uniquePrefix } from '../../support/prefix.ts';
import { redis } from '../../support/stores.ts';
import { check } from './check.ts';
import { load } from './load.ts';
import { mutations } from './mutations.ts';
import { play, type Stage } from './play.ts';
import { scheduleOf } from './schedule.ts';

const LENGTH = Number(process.env.LEN ?? 80);
test('find', async () => {
  const clients = [0, 1, 2].map(() => new Redis(redis));
  const plain = load();
  const only = process.env.ONLY;
  for (const mutation of mutations) {
    if (only && !mutation.name.includes(only)) continue;
    const product = load(mutation);
    const near = mutation.near ? { redis: clients as never } : {};
    const stage = (p: never): Stage => ({ loads: [p, p, p], prefix: uniquePrefix, ...near });
    let played = 0;
    let line = `${mutation.name}: none`;
    for (let seed = 1; played < 60; seed++) {
      const schedule = scheduleOf(seed, { length: LENGTH, near: mutation.near === true });
      if (mutation.where && !mutation.where(schedule.site)) continue;
      played++;
      const c = check(await play(schedule, stage(product as never)));
      if (!c.violations.some(({ rule }) => mutation.breaks.includes(rule))) continue;
      const b = check(await play(schedule, stage(plain as never)));
      if (b.violations.length) {
        line += ` (${seed} broken before)`;
        continue;
      }
      line = `${mutation.name}: ${seed}, played ${played}, ${c.violations.length}`;
      break;
    }
    appendFileSync('/tmp/w/.model-find.txt', `${line}\n`);
  }
  for (const c of clients) c.disconnect();
}, 3_000_000);
