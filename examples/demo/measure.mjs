// The demo itself: six phases over real sockets, what they cost, and whether they went as they must.

import { createClient } from './client.mjs';
import { lateQuery, queries, reordered } from './queries.mjs';
import { phase } from './screen.mjs';

export const CROWD = 16;
const REPEATED = { alone: 200, crowd: 2000 };

/** `stage`: the running `api`, `bareApi` (the same, `enabled: false`), `upstream`, `redis`, `prefix` and `quota`. */
export async function measure(stage) {
  const { upstream, redis, prefix, quota } = stage;
  const clients = {
    few: createClient(stage.api.url, 4),
    alone: createClient(stage.api.url, 1),
    crowd: createClient(stage.api.url, CROWD),
    bare: createClient(stage.bareApi.url, 8),
  };
  const failures = [];
  const expect = (ok, failure) => ok || failures.push(failure);

  // 1. Nobody has asked before: each of these pays the upstream's time, and a call of its quota.
  const first = await send(clients.few, '1  first requests', queries.map(get));
  const originals = new Map(first.answers.map((answer) => [answer.path, answer]));
  expect(first.answers.every(isStoredMiss), 'a first request was not a stored miss');

  const isReplay = ({ path, sameAs = path, expected = 200, empty = false, status, hit, headers, body }) => {
    const original = originals.get(sameAs);
    const bytes = empty ? Buffer.alloc(0) : original.body;
    return hit && status === expected && headers.etag === original.headers.etag && body.equals(bytes);
  };
  const expectReplays = ({ answers }) => {
    const wrong = answers.filter((answer) => !isReplay(answer));
    expect(
      wrong.length === 0,
      `${wrong.length} of ${answers.length} not replayed, the first: ${describe(wrong[0])}`,
    );
  };

  // 2. One client asks again. 3. Everybody asks again.
  const alone = await send(clients.alone, '2  repeated, one by one', inTurn(REPEATED.alone));
  const crowd = await send(clients.crowd, `3  repeated, ${CROWD} at a time`, inTurn(REPEATED.crowd));
  expectReplays(alone);
  expectReplays(crowd);

  // 4. The same questions put otherwise must find the same stored responses.
  const otherwise = await send(
    clients.crowd,
    '4  reordered parameters, HEAD, If-None-Match',
    queries.flatMap((path) => [
      { path: reordered(path), sameAs: path },
      { path, method: 'HEAD', empty: true },
      { path, headers: { 'If-None-Match': originals.get(path).headers.etag }, expected: 304, empty: true },
    ]),
  );
  expectReplays(otherwise);

  const { calls } = await upstream.report();
  const { handlerRuns, faults } = await stage.api.report();
  const held = await redis.inspect(prefix);
  expect(calls === queries.length, `${calls} upstream calls instead of ${queries.length}`);
  expect(handlerRuns === queries.length, `${handlerRuns} handler runs instead of ${queries.length}`);
  expect(faults.length === 0, `the cache reported: ${faults[0]}`);
  expect(
    !held || (held.keys >= queries.length && held.pttl > 0),
    'Redis does not hold the responses with a TTL',
  );

  // 5. The same API without its line: what the upstream makes of the same questions.
  const bare = await send(clients.bare, '5  cache switched off', inTurn(quota));
  const served = bare.answers.filter(({ status }) => status === 200);
  const refused = bare.answers.filter(({ status }) => status === 503);
  expect(served.length === quota - calls, `${served.length} answers without the cache, not ${quota - calls}`);
  expect(served.length + refused.length === quota, 'the API without the cache answered neither 200 nor 503');

  // 6. The quota is spent. In Redis the responses outlive the process that stored them.
  const restarted = redis.url !== undefined;
  if (restarted) await stage.restartApi();
  const title = `6  quota spent${restarted ? ', API restarted' : ''}`;
  const after = await send(clients.crowd, title, [...queries, lateQuery].map(get));
  const refusal = after.answers.pop();
  expectReplays(after);
  expect(refusal.status === 503 && !refusal.stored, `a refusal must not be stored: ${describe(refusal)}`);

  // Whoever changes the data purges, and nothing old is left.
  const { purged } = JSON.parse((await clients.alone.ask({ path: '/purge', method: 'POST' })).body);
  expect(
    purged === queries.length,
    `a purge deleted ${purged} stored responses instead of ${queries.length}`,
  );

  for (const client of Object.values(clients)) client.close();
  const runs = { first, alone, crowd, otherwise, bare, served, refused, after };
  return { ...runs, calls, handlerRuns, held, purged, restarted, failures };
}

async function send(client, title, items) {
  const started = performance.now();
  const answers = await phase(title, items.length, (tick) => client.askAll(items, tick));
  return { answers, seconds: (performance.now() - started) / 1000 };
}

const get = (path) => ({ path });
const inTurn = (length) => Array.from({ length }, (_, i) => get(queries[i % queries.length]));
const isStoredMiss = ({ status, hit, stored }) => status === 200 && !hit && stored;

function describe(answer) {
  return (
    answer &&
    `${answer.method} ${answer.path}: ${answer.status}, Cache-Status: ${answer.headers['cache-status']}`
  );
}
