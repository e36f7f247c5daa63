import { afterEach, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { ioredisSubscriber } from '../../src/store/redis/clients/ioredis-subscriber.ts';
import { LeaseChannel } from '../../src/store/redis/lease-channel.ts';
import { uniquePrefix } from '../support/prefix.ts';

const clients: Redis[] = [];
function connect(): Redis {
  const client = new Redis(process.env.TEST_REDIS_URL as string);
  clients.push(client);
  return client;
}
afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect();
});

test('a connection that has ended for good is replaced by the next wait', async () => {
  const publisher = connect();
  const channel = uniquePrefix();
  const opened: Redis[] = [];
  const leaseChannel = new LeaseChannel((events) => {
    const duplicate = (): Redis => {
      opened.push(connect());
      return opened.at(-1)!;
    };
    return ioredisSubscriber({ duplicate } as never, events);
  });
  /** Far from a minute: somebody has published. */
  const woken = (): Promise<void> =>
    leaseChannel.wait(channel, 60_000, async () => {
      await publisher.publish(channel, '');
      return false;
    });
  await woken();
  const [first] = opened;
  const ended = new Promise<void>((resolve) => first?.once('end', resolve));
  first?.disconnect();
  await ended;
  await woken();
  await woken();
  expect(opened).toHaveLength(2);
  leaseChannel.close();
});
