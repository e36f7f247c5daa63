import { test } from '@jest/globals';
import { uniquePrefix } from '../../support/prefix.ts';
import { check } from './check.ts';
import { load } from './load.ts';
import { play } from './play.ts';
import { scheduleOf } from './schedule.ts';

test('dbg', async () => {
  const stage = { loads: [load(), load(), load()], prefix: uniquePrefix };
  const first = Number(process.env.SEED ?? 1);
  const n = Number(process.env.N ?? 60);
  const by: Record<string, Record<string, number>> = {};
  const violations: string[] = [];
  let exceptions = 0;
  let requests = 0;
  for (let i = 0; i < n; i++) {
    const schedule = scheduleOf(first + i, { length: Number(process.env.LEN ?? 150), near: false });
    const h = await play(schedule, stage);
    const c = check(h);
    exceptions += c.exceptions;
    requests += h.requests.length;
    for (const v of c.violations) violations.push(`${schedule.seed} ${v.rule} ${v.text}`);
    for (const r of h.requests) {
      const page = h.site.pages[r.page]!;
      if (page.dependsOn !== 'nothing' || page.says === 'private' || !r.answer) continue;
      const who = h.site.callers[r.caller]!.identity?.role ?? 'stranger';
      const key = `${who}, ${page.says}`;
      by[key] ??= {};
      const s = r
        .answer!.cacheStatus.replace(/ttl=[^;]*;?/g, '')
        .replace(/depends-on-credentials: .*/, 'depends: ...');
      by[key]![s] = (by[key]![s] ?? 0) + 1;
    }
  }
  if (process.env.RATES)
    for (const [k, v] of Object.entries(by).sort()) {
      const total = Object.values(v).reduce((a, b) => a + b, 0);
      console.log(
        k,
        total,
        JSON.stringify(Object.fromEntries(Object.entries(v).sort((a, b) => b[1] - a[1]))),
      );
    }
  const kinds: Record<string, string[]> = {};
  for (const v of violations) {
    const [seed, rule] = v.split(/\s+/);
    const path = /\/page-\d/.exec(v)?.[0];
    const site = scheduleOf(Number(seed), { length: 1, near: false }).site;
    const page = site.pages.find((p) => p.path === path);
    const key = `${rule} ${page?.dependsOn} ${page?.channel} ${page?.says} ${page?.language} deletes=${site.deletes} caller=${site.namesCaller}`;
    kinds[key] ??= [];
    if (kinds[key]!.at(-1) !== seed) kinds[key]!.push(seed!);
  }
  console.log(JSON.stringify(kinds, null, 1));
  console.log({ violations: violations.slice(0, 10), n: violations.length, exceptions, requests });
}, 600_000);
