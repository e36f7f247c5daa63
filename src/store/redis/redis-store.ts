import { MalformedReply } from '../fault.ts';
import type { Store } from '../store.ts';
import type { Client } from './client.ts';
import { Permissions } from './permissions.ts';
import type { RedisContext } from './redis-context.ts';
import { redisInventory } from './redis-inventory.ts';
import { redisLeases } from './redis-leases.ts';
import { redisResponses, STAGED_FROM_BYTES } from './redis-responses.ts';
import { Scripts } from './scripts.ts';
import { TagIndex } from './tag-index.ts';

/**
 * A store over a client of Redis. It sends commands and nothing else: their deadlines are the guard's.
 * @param maxEntries how many responses are stored at most; `undefined` for no limit.
 * @param close closes the connection, unless it is the user's own.
 * @param stagedFromBytes the length of the smallest value that is sent beside its script: see `stage`.
 */
export function redisStore(
  client: Client,
  prefix: string,
  maxEntries: number | undefined,
  close: () => Promise<void>,
  stagedFromBytes: number = STAGED_FROM_BYTES,
): Store {
  const scripts = new Scripts(client);
  const tagIndex = new TagIndex(client, scripts, prefix);
  const permissions = new Permissions(scripts, prefix, maxEntries !== undefined);
  const context: RedisContext = { client, prefix, scripts, tagIndex, permissions };
  const { close: closeLeases, ...leases } = redisLeases(context);
  return {
    responses: redisResponses(context, maxEntries, stagedFromBytes),
    leases,
    inventory: redisInventory(context),
    connection: {
      isReachable: () => client.isReachable(),
      async ping() {
        const reply = await client.ping();
        if (reply !== 'PONG') throw new MalformedReply('PING', reply);
      },
      onReady: (listener) => client.onReady(listener),
      close() {
        closeLeases();
        return close();
      },
    },
  };
}
