import { MalformedReply } from '../fault.ts';
import type { Acquired, Leases } from '../store.ts';
import { leasesKey, responsesKey } from './keys.ts';
import { LeaseChannel } from './lease-channel.ts';
import { ACQUIRE, AWAIT_END, RELEASE, RENEW } from './lua/leases.ts';
import { nameOf, type RedisContext } from './redis-context.ts';
import { script } from './scripts.ts';

const acquire = script(ACQUIRE);
const renew = script(RENEW);
const release = script(RELEASE);
const awaitEnd = script(AWAIT_END);

/** The leases in Redis. */
export function redisLeases(context: RedisContext): Leases & { close(): void } {
  const { client, prefix, scripts, tagIndex, permissions } = context;
  const channel = new LeaseChannel((events) => client.subscriber(events));

  return {
    async acquire({ id, variant, token, key }, seen, leaseMs) {
      await permissions.check();
      const keys = [leasesKey(prefix, id), responsesKey(prefix, id)];
      const args = [variant, token, leaseMs, seen?.version ?? '', nameOf(id, key)];
      if (!tagIndex.isLogApart) {
        try {
          return parseAcquired(await scripts.run(acquire, [...keys, tagIndex.logKey], ...args));
        } catch (error) {
          if (!tagIndex.isApartBy(error)) throw error;
        }
      }
      const [reply, purgeState] = await Promise.all([
        scripts.run(acquire, keys, ...args),
        tagIndex.readLog(token),
      ]);
      return { ...parseAcquired(reply), purgeState };
    },

    async renew({ id, variant, token }, leaseMs) {
      return (await scripts.runForNumber(renew, [leasesKey(prefix, id)], variant, token, leaseMs)) === 1;
    },

    async release({ id, variant, token }, hitForMissMs) {
      await scripts.runForNumber(release, [leasesKey(prefix, id)], variant, token, hitForMissMs);
    },

    wait({ id, variant }, ms) {
      const key = leasesKey(prefix, id);
      // A script publishes on the name of its key, which begins with the client's own prefix.
      return channel.wait(`${client.keyPrefix}${key}`, ms, async (delivery) => {
        return (await scripts.runForNumber(awaitEnd, [key], variant, delivery)) === 0;
      });
    },

    close: () => channel.close(),
  };
}

/** By the code that ACQUIRE returns. */
const OUTCOMES: readonly Omit<Acquired, 'purgeState'>[] = [
  { kind: 'in-progress', hitForMiss: false },
  { kind: 'leader', hitForMiss: false },
  { kind: 'changed', hitForMiss: false },
  { kind: 'in-progress', hitForMiss: true },
  { kind: 'leader', hitForMiss: true },
  { kind: 'leader', hitForMiss: false, isFirst: true },
  { kind: 'leader', hitForMiss: true, isFirst: true },
];

const ZERO = '0'.charCodeAt(0);

/** The reply of ACQUIRE. @throws {MalformedReply} */
function parseAcquired(reply: unknown): Acquired {
  const text = String(reply);
  const outcome = OUTCOMES[text.charCodeAt(0) - ZERO];
  if (!outcome) throw new MalformedReply('a script', reply);
  const { kind, hitForMiss, isFirst } = outcome;
  return { kind, hitForMiss, isFirst, purgeState: text.slice(1) };
}
