// The closing table: only what was measured in this run.

import { CROWD } from './measure.mjs';
import { bold, count, facts, kilobytes, percent, say, table, time } from './screen.mjs';

export function report({ quota, redis }, run) {
  const { first, alone, crowd, otherwise, bare, served, refused, calls } = run;
  const cached = [first, alone, crowd, otherwise].flatMap(({ answers }) => answers);
  const requests = count(cached.length);
  const hits = cached.filter(({ hit }) => hit).length;
  const saved = bold(`${count(cached.length - calls)} saved`);
  const times = ({ answers }) => count(Math.round(quantile(first.answers, 0.5) / quantile(answers, 0.5)));

  say();
  table([
    ['', 'requests', 'p50', 'p99', 'max', 'requests/s'],
    row('first request', first.answers, first.seconds),
    row('repeated, one by one', alone.answers, alone.seconds),
    row(`repeated, ${CROWD} at a time`, crowd.answers, crowd.seconds),
    row('cache off', served, bare.seconds),
  ]);
  say();
  facts([
    [
      'speed-up',
      `${bold(`${times(alone)} times`)} at the median; ${times(crowd)} times with ${CROWD} at a time`,
    ],
    ['hit ratio', `${percent(hits, cached.length)}: ${count(hits)} of ${requests}, as Cache-Status says`],
    ['upstream calls', `${calls} made, ${saved}; handler runs: ${run.handlerRuns}`],
    [
      'daily quota',
      `with the cache ${calls} of ${quota} calls, for ${requests} requests`,
      `without it the other ${quota - calls} were gone after ${served.length} requests; the next ${refused} got 503`,
      `then, ${run.restarted ? 'with the API restarted' : 'with nothing left'}, all ${first.answers.length} queries were still answered from ${redis.url ? 'Redis' : 'memory'}`,
    ],
    ['stored', ...holdings(run.held), `${run.purged} stored responses purged at the end`],
  ]);
  say();
}

function holdings(held) {
  if (!held) return ['in the memory of the API; with a Redis its keys are shown here'];
  const { keys, bytes, pttl, sample } = held;
  return [
    `${keys} keys, ${kilobytes(bytes)} by MEMORY USAGE; the largest, kept for ${time(pttl)} (fresh for an hour):`,
    sample,
  ];
}

function row(name, answers, seconds) {
  const enough = answers.length >= 100;
  return [
    name,
    count(answers.length),
    time(quantile(answers, 0.5)),
    enough ? time(quantile(answers, 0.99)) : '-',
    time(quantile(answers, 1)),
    count(Number((answers.length / seconds).toPrecision(3))),
  ];
}

/** Nearest rank. */
function quantile(answers, q) {
  const sorted = answers.map(({ ms }) => ms).sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
}
