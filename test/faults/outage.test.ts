import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { quietly } from '../support/quietly.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { type Answer, type App, MARGIN, startApp, TIMEOUT, untilHit } from './support/app.ts';
import { type Client, OWN, WAYS } from './support/clients.ts';

/* Redis is away: not yet there, killed, out of connections. Requests are answered by the app, at once. */

let redis: RedisProcess;
let client: Client | undefined;
beforeEach(async () => {
  redis = await startRedis();
});
afterEach(async () => {
  client?.end();
  client = undefined;
  await redis.stop();
});
quietly();

describe.each(WAYS)('with %s', (_name, way) => {
  test('an app that boots without Redis answers, and caches once Redis is there', async () => {
    await redis.kill();
    client = await way(redis);
    const app = await startApp({ redis: client.option });
    const answers = await load(app, 40, 4);
    expect(app.calls()).toBe(40);
    expect(answers.filter(({ hit }) => hit)).toEqual([]);
    expect(answers.at(-1)?.cacheStatus).toMatch(/; fwd=bypass; detail=(?:unavailable|timeout)$/);
    expectPrompt(answers);

    await redis.start();
    await untilHit(app, 1);
    expectBounded(app);
  });

  test('Redis killed in the middle of a load costs no answer, and hits resume after a restart', async () => {
    client = await way(redis);
    const app = await startApp({ redis: client.option });
    await untilHit(app, 1);

    app.requests.length = 0;
    const killed = until(() => app.requests.filter(({ kind }) => kind === 'hit').length > 10).then(() =>
      redis.kill(),
    );
    const answers: Answer[] = [];
    await until(async () => {
      answers.push(...(await load(app, 80, 8)));
      return answers.at(-1)?.cacheStatus.includes('detail=unavailable') ?? false;
    });
    await killed;
    expect(answers.some(({ hit }) => hit)).toBe(true);
    answers.push(...(await load(app, 160, 8)));
    expectPrompt(answers);

    await redis.restart();
    await untilHit(app, 1);
    expectPrompt(await load(app, 40, 8));
    expectBounded(app);
  });

  test('a connection killed by an operator is opened again', async () => {
    client = await way(redis);
    const app = await startApp({ redis: client.option });
    await untilHit(app, 1);
    const [killed] = await Promise.all([redis.cli('CLIENT', 'KILL', 'TYPE', 'normal'), load(app, 40, 8)]);
    expect(killed).toBeGreaterThan(0);
    await untilHit(app, 1);
    expectBounded(app);
  });
});

test('a purge while Redis is away says that it was not confirmed', async () => {
  const app = await startApp({ redis: redis.url });
  await untilHit(app, 1);
  await redis.kill();
  await until(async () => !(await app.item(1)).hit);
  const purge = app.cache.purge({ url: `${app.origin}/item/1` });
  await expect(purge).rejects.toMatchObject({ name: 'StoreError', code: 'ERR_RRC_STORE' });
  await expect(app.cache.purge({ all: true })).rejects.toMatchObject({ name: 'StoreError' });
});

describe.each(Object.entries(OWN))('with %s', (_name, way) => {
  test('trouble that lasts is reported once, with its code and in words', async () => {
    await redis.kill();
    client = await way(redis);
    const app = await startApp({ redis: client.option });
    await until(async () => {
      await app.item(1);
      return app.faults.length > 0;
    });
    for (let i = 0; i < 30; i++) await app.item(i);
    const connection = app.faults.filter(({ step }) => step === 'connection');
    expect(connection).toEqual([
      { step: 'connection', code: 'ECONNREFUSED', message: expect.stringMatching(/ECONNREFUSED/) },
    ]);
  });

  test('a server that takes no more clients is waited for', async () => {
    await redis.stop();
    redis = await startRedis({ args: ['--maxclients', '3'] });
    const others = await occupy(3);
    client = await way(redis);
    const app = await startApp({ redis: client.option });
    expectPrompt(await load(app, 40, 4));
    expect(app.calls()).toBe(40);
    for (const other of others) other.destroy();
    await untilHit(app, 1);
    expectBounded(app);
  });
});

test('a host name that nothing answers for is reported in words', async () => {
  await redis.kill();
  const app = await startApp({ redis: `redis://localhost:${redis.port}?family=0` });
  await until(() => app.faults.length > 0);
  expect(app.faults[0]).toMatchObject({
    code: 'ECONNREFUSED',
    message: expect.stringMatching(/ECONNREFUSED/),
  });
  await app.item(1);
});

/** Requests for ten items in turn, so many at a time. */
async function load(app: App, count: number, concurrency: number): Promise<Answer[]> {
  const answers: Answer[] = [];
  let next = 0;
  const loop = async (): Promise<void> => {
    while (next < count) answers.push(await app.item(next++ % 10));
  };
  await Promise.all(Array.from({ length: concurrency }, loop));
  return answers;
}

/** Whatever Redis does, no request waits for more than a few of its calls. */
function expectPrompt(answers: readonly Answer[]): void {
  expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(2 * TIMEOUT + MARGIN);
}

/** Not an event for each request: what is known to be away is not reported again and again. */
function expectBounded(app: App): void {
  expect(app.faults.length).toBeLessThan(40);
}

/** Takes all connections that a server grants. */
async function occupy(count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => connect(redis.port, redis.host));
  for (const socket of sockets) {
    socket.write('PING\r\n');
    await once(socket, 'data');
  }
  return sockets;
}
