import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { Tracking } from '../../src/store/near/tracking.ts';
import { trackedPair } from '../../src/store/redis/clients/ioredis-tracked.ts';
import { keepReconnecting } from '../../src/store/redis/reconnect.ts';
import { type Sentinels, startSentinels } from '../support/sentinel.ts';
import { brought, Origin, type Process, purged, startProcess, untilCurrent } from './support/stage.ts';

/* What is near where sentinels say which server is the master. */

let redis: Sentinels;
const closing: Process[] = [];
beforeAll(async () => {
  redis = await startSentinels();
}, 60_000);
afterAll(async () => {
  await Promise.all(closing.map((process) => process.close()));
  await redis.stop();
});

test('the master says what changes, and so does the next one', async () => {
  const origin = new Origin();
  const processes = await Promise.all([0, 1].map(() => startProcess(origin, { redis: redis.options })));
  closing.push(...processes);
  const [a, b] = processes;
  for (const fail of [false, true]) {
    if (fail) await redis.failover();
    await purged(b!, '/1');
    await untilCurrent(a!, origin, '/1');
    await brought(a!, '/1');
    origin.change('/1');
    await purged(b!, '/1');
    expect((await untilCurrent(a!, origin, '/1')).version).toBe(origin.version('/1'));
  }
}, 60_000);

describe('told to leave a server while it still looks for one', () => {
  const open = (): Redis => {
    const client = new Redis({ ...redis.options, protocol: 2, enableOfflineQueue: false });
    client.on('error', () => {});
    return client;
  };

  /** Errors may come before. */
  const said = (client: Redis, event: 'ready' | 'end'): Promise<unknown> => {
    return new Promise((resolve) => client.once(event, () => resolve(undefined)));
  };

  test('a client looks again', async () => {
    const client = open();
    const end = keepReconnecting(client);
    client.disconnect(true);
    await said(client, 'end');
    await said(client, 'ready');
    expect(await client.ping()).toBe('PONG');
    end();
    client.disconnect();
    await said(client, 'end');
    expect(client.status).toBe('end');
  });

  test('what listens for changes listens again', async () => {
    const opened: Redis[] = [];
    const node = {
      duplicate() {
        opened.push(open());
        return opened.at(-1);
      },
    };
    const none = { changed() {}, lost() {}, refused() {} };
    const tracking = new Tracking((events) => trackedPair(node, events), none);
    expect(opened.map(({ status }) => status)).toEqual(['connecting', 'connecting']);
    tracking.restart();
    for (let i = 0; !tracking.isAlive; i++) {
      expect(i).toBeLessThan(300);
      await sleep(10);
    }
    tracking.close();
    await said(opened[0] as Redis, 'end');
  });
});
