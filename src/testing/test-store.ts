import type { LeaseClaim, Store } from '../store/store.ts';

/**
 * What Redis can be, other than well: `'away'`: no connection. `'hung'`: connected, and it does not reply. `'full'`: out of
 * memory, so that nothing can be stored. `'read-only'`: a replica, so that nothing can be stored or purged.
 */
export type OutageKind = 'away' | 'hung' | 'full' | 'read-only';

/** An outage that lasts until `end()`, or to the end of the block: `using outage = cache.outage('away')`. */
export interface Outage {
  readonly kind: OutageKind;
  /** The store is well again, and what hung goes on. An outage that has ended stays so. */
  end(): void;
  /** The same as `end()`. */
  [Symbol.dispose](): void;
}

/** A store that can be brought into an outage. */
export interface TestStore {
  readonly store: Store;
  /** Begins an outage. It replaces one that lasts. */
  outage(kind: OutageKind): Outage;
  /** Ends the outage, if there is one. */
  recover(): void;
  /** Makes the leases of the fills in progress last so many milliseconds longer. */
  extendLeases(ms: number): Promise<void>;
}

type Needs = 'memory' | 'write' | 'read';
type VerbName = keyof Store['responses'] | keyof Store['leases'] | keyof Store['inventory'];

/**
 * What a verb needs of Redis: `memory` is refused while Redis is out of memory, and as `write` by a replica; `nothing` sends no
 * command.
 */
const NEEDS: Readonly<Record<VerbName, Needs | 'nothing'>> = {
  acquire: 'memory',
  commit: 'memory',
  put: 'memory',
  replace: 'memory',
  renew: 'write',
  release: 'write',
  discard: 'write',
  purge: 'write',
  purgeTag: 'write',
  purgeMatching: 'write',
  get: 'read',
  peek: 'read',
  scan: 'read',
  describe: 'read',
  read: 'read',
  count: 'read',
  ids: 'read',
  keys: 'read',
  mayHaveLostIndexes: 'read',
  getNear: 'nothing',
  wait: 'nothing',
};

const GENERATORS: ReadonlySet<VerbName> = new Set(['purgeTag', 'purgeMatching', 'ids', 'keys']);

/** The errors are those of ioredis and Redis, so that the cache reads them as it does in production. */
const AWAY = 'Connection is closed.';
const OOM = "OOM command not allowed when used memory > 'maxmemory'.";
const READONLY = "READONLY You can't write against a read only replica.";

type Verb = (...args: unknown[]) => unknown;

export function testStore(store: Store): TestStore {
  let current: Outage | undefined;
  const hung: (() => void)[] = [];
  const listeners = new Set<() => void>();
  const claims = new Map<string, { readonly claim: LeaseClaim; readonly leaseMs: number }>();

  /** Rejects if the outage refuses the verb. While the store hangs, it waits for the end. */
  async function failIfDown(needs: Needs): Promise<void> {
    switch (current?.kind) {
      case 'away':
        throw new Error(AWAY);
      case 'hung':
        return new Promise((resolve) => hung.push(resolve));
      case 'full':
        if (needs === 'memory') throw new Error(OOM);
        return;
      case 'read-only':
        if (needs !== 'read') throw new Error(READONLY);
    }
  }

  async function* stepsIfUp(needs: Needs, steps: AsyncGenerator): AsyncGenerator {
    await failIfDown(needs);
    yield* steps;
  }

  function call(name: VerbName, verb: Verb, args: unknown[]): unknown {
    const needs = NEEDS[name];
    if (!current || needs === 'nothing') return verb(...args);
    if (GENERATORS.has(name)) return stepsIfUp(needs, verb(...args) as AsyncGenerator);
    return failIfDown(needs).then(() => verb(...args));
  }

  function failing<T extends object>(verbs: T): T {
    const entries = Object.entries(verbs) as [VerbName, Verb][];
    return Object.fromEntries(
      entries.map(([name, verb]) => [name, (...args: unknown[]) => call(name, verb, args)]),
    ) as T;
  }

  function recover(): void {
    if (!current) return;
    current = undefined;
    for (const resume of hung.splice(0)) resume();
    // As with a connection that is there again: the circuit breaker closes at once.
    for (const listener of [...listeners]) listener();
  }

  const responses: Store['responses'] = {
    ...store.responses,
    commit(commit) {
      claims.delete(commit.lease.token);
      return store.responses.commit(commit);
    },
  };
  const leases: Store['leases'] = {
    ...store.leases,
    async acquire(claim, seen, leaseMs) {
      const acquired = await store.leases.acquire(claim, seen, leaseMs);
      if (acquired.kind === 'leader') claims.set(claim.token, { claim, leaseMs });
      return acquired;
    },
    release(claim, hitForMissMs) {
      claims.delete(claim.token);
      return store.leases.release(claim, hitForMissMs);
    },
  };
  const { connection } = store;

  return {
    store: {
      responses: failing(responses),
      leases: failing(leases),
      inventory: failing(store.inventory),
      connection: {
        isReachable: () => current?.kind !== 'away',
        async ping() {
          await failIfDown('read');
        },
        onReady(listener) {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
        close: connection.close,
      },
    },

    outage(kind) {
      recover();
      const end = (): void => {
        if (current === outage) recover();
      };
      const outage: Outage = { kind, end, [Symbol.dispose]: end };
      current = outage;
      return outage;
    },

    recover,

    async extendLeases(ms) {
      for (const { claim, leaseMs } of claims.values()) await store.leases.renew(claim, leaseMs + ms);
    },
  };
}
