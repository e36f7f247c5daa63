// The demo itself: six phases over real sockets. It stops at the first answer that is not as it must be.

import { createClient } from './client.mjs';
import { lateQuery, queries, reordered } from './queries.mjs';
import { phase } from './screen.mjs';

export const CROWD = 16;
const REPEATED = { alone: 200, crowd: 2000 };

/**
 * `stage`: the running `api`, `bareApi` (the same, `enabled: false`), `upstream`, `redis`, `prefix` and `quota`.
 * @throws when what was measured contradicts what the cache promises.
 */
export async function measure(stage) {
  const clients = {
    few: createClient(stage.api.url, 4),
    alone: createClient(stage.api.url, 1),
    crowd: createClient(stage.api.url, CROWD),
    bare: createClient(stage.bareApi.url, 8),
  };
  try {
    return await phases(stage, clients);
  } catch (error) {
    const { faults } = await stage.api.report().catch(() => ({ faults: [] }));
    throw new Error([error.message, ...faults.slice(0, 1)].join('\n    the cache reported: '));
  } finally {
    for (const client of Object.values(clients)) client.close();
  }
}

async function phases(stage, clients) {
  const { upstream, redis, prefix, quota } = stage;

  // 1. Nobody has asked before: each of these pays the upstream's time, and a call of its quota.
  const first = await send(clients.few, '1  first requests', queries.map(get), (answer) => {
    expect(answer.status === 200 && !answer.hit && answer.stored, 'must be answered and stored', answer);
  });
  const originals = new Map(first.answers.map((answer) => [answer.path, answer]));

  const mustReplay = (answer) => {
    const { path, sameAs = path, expected = 200, empty = false, status, hit, headers, body } = answer;
    const original = originals.get(sameAs);
    const bytes = empty ? Buffer.alloc(0) : original.body;
    expect(hit && status === expected, 'must come from the cache', answer);
    expect(headers.etag === original.headers.etag && body.equals(bytes), 'must be the stored bytes', answer);
  };

  // 2. One client asks again. 3. Everybody asks again.
  const alone = await send(clients.alone, '2  repeated, one by one', inTurn(REPEATED.alone), mustReplay);
  const crowd = await send(
    clients.crowd,
    `3  repeated, ${CROWD} at a time`,
    inTurn(REPEATED.crowd),
    mustReplay,
  );

  // 4. The same questions put otherwise find the same stored responses.
  const otherwise = await send(
    clients.crowd,
    '4  reordered parameters, HEAD, If-None-Match',
    queries.flatMap((path) => [
      { path: reordered(path), sameAs: path },
      { path, method: 'HEAD', empty: true },
      { path, headers: { 'If-None-Match': originals.get(path).headers.etag }, expected: 304, empty: true },
    ]),
    mustReplay,
  );

  const { calls } = await upstream.report();
  const { handlerRuns } = await stage.api.report();
  const held = await redis.inspect(prefix);
  expect(calls === queries.length, `${calls} upstream calls instead of ${queries.length}`);
  expect(handlerRuns === queries.length, `${handlerRuns} handler runs instead of ${queries.length}`);
  expect(!held || (held.keys >= queries.length && held.pttl > 0), 'Redis must hold the responses with a TTL');

  // 5. The same API without its line: what the upstream makes of the same questions.
  const bare = await send(clients.bare, '5  cache switched off', inTurn(quota), (answer) => {
    expect(answer.status === 200 || answer.status === 503, 'must be answered or refused', answer);
  });
  const served = bare.answers.filter(({ status }) => status === 200);
  const refused = bare.answers.length - served.length;
  expect(served.length === quota - calls, `${served.length} answers without the cache, not ${quota - calls}`);

  // 6. The quota is spent. In Redis the responses outlive the process that stored them.
  const restarted = redis.url !== undefined;
  if (restarted) await stage.restartApi();
  const title = `6  quota spent${restarted ? ', API restarted' : ''}`;
  const after = await send(clients.crowd, title, [...queries, lateQuery].map(get), (answer) => {
    if (answer.path !== lateQuery) mustReplay(answer);
    else expect(answer.status === 503 && !answer.stored, 'must be refused and not be stored', answer);
  });

  // Whoever changes the data purges, and nothing old is left.
  const { purged } = JSON.parse((await clients.alone.ask({ path: '/purge', method: 'POST' })).body);
  expect(
    purged === queries.length,
    `the purge deleted ${purged} stored responses instead of ${queries.length}`,
  );
  const { faults } = await stage.api.report();
  expect(faults.length === 0, 'the cache must have met no fault');

  const runs = { first, alone, crowd, otherwise, bare, after };
  return { ...runs, served, refused, calls, handlerRuns, held, purged, restarted };
}

async function send(client, title, items, check) {
  const started = performance.now();
  const answers = await phase(title, items.length, (tick) =>
    client.askAll(items, (answer) => {
      check(answer);
      tick();
    }),
  );
  return { answers, seconds: (performance.now() - started) / 1000 };
}

const get = (path) => ({ path });
const inTurn = (length) => Array.from({ length }, (_, i) => get(queries[i % queries.length]));

function expect(ok, must, answer) {
  if (ok) return;
  if (!answer) throw new Error(must);
  const { method, path, status, headers } = answer;
  throw new Error(`${method} ${path} ${must}, but: ${status}, Cache-Status: ${headers['cache-status']}`);
}
