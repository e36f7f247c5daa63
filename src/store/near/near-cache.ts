import type { FaultEvent } from '../../observe/outcome.ts';
import { Evictable, SecondChance } from '../../second-chance.ts';
import { replyCode } from '../fault.ts';
import type { Client, Home, Reader, Trackable } from '../redis/client.ts';
import { parseKey, responsesKey } from '../redis/keys.ts';
import type { StoredValue } from '../store.ts';
import { Tracking } from './tracking.ts';

export interface NearOptions {
  /** Bytes that the near cache holds at most. */
  readonly maxSize: number;
  /** Milliseconds for which a value is used without reading it from Redis again. */
  readonly ttl: number;
}

/** What was read of a value, and what tells whether Redis still reports its changes. */
interface Read {
  readonly id: string;
  readonly variant: string;
  readonly value: StoredValue;
  readonly home: Home;
  readonly tracking: Tracking;
  readonly epoch: number;
}

/** A value of the near cache. */
class KeptValue extends Evictable {
  readonly read: Read;
  /** Until when it is used, by `performance.now()`. */
  readonly until: number;

  constructor(read: Read, until: number) {
    super();
    this.read = read;
    this.until = until;
  }
}

/** A read in progress. Its values are kept unless one of them has changed meanwhile. */
interface Reading {
  readonly reader: Reader;
  /** The key as the server knows it. */
  readonly key: string;
  /** Keeps what was read. Must be called before anything else is awaited. */
  keep(values: readonly (StoredValue | undefined)[]): void;
  /** Ends a read that has failed. */
  drop(): void;
}

/** About how many bytes an entry takes beside its bytes and names. */
const OVERHEAD_BYTES = 300;

/**
 * Values that were read recently, kept in this process while Redis reports their changes. A value in doubt is not used:
 * a read that crosses a change, a server that was silent for a moment, a slot that has moved.
 */
export class NearCache {
  readonly #servers: Trackable;
  readonly #prefix: string;
  readonly #onFault: (fault: FaultEvent) => void;
  /** By server. */
  readonly #trackings = new Map<string, Tracking>();
  readonly #options: NearOptions;
  readonly #kept: SecondChance<KeptValue>;
  /** The values by id and variant. */
  readonly #values = new Map<string, Map<string, KeptValue>>();
  /** The reads in progress, by id. A read that crosses a change is removed, so that its values are not kept. */
  readonly #readings = new Map<string, Set<object>>();
  readonly #stopWatching: () => void;
  #closed = false;

  /** @param servers those of the client, which report changes. */
  constructor(
    servers: Trackable,
    { keyPrefix }: Pick<Client, 'keyPrefix'>,
    prefix: string,
    options: NearOptions,
    onFault: (fault: FaultEvent) => void,
  ) {
    this.#servers = servers;
    this.#prefix = `${keyPrefix}${prefix}`;
    this.#onFault = onFault;
    this.#stopWatching = this.#servers.watch({
      // The client may connect to another server next.
      lost: () => {
        for (const tracking of this.#trackings.values()) tracking.restart();
      },
      left: (server) => this.#stopTracking(server),
    });
    this.#options = options;
    this.#kept = new SecondChance(options.maxSize, ({ read }) => this.#drop(read));
  }

  /** The value of a variant, if it is kept and known to be current. */
  get(id: string, variant: string): StoredValue | undefined {
    const kept = this.#values.get(id)?.get(variant);
    if (!kept) return undefined;
    const { tracking, epoch, home, value } = kept.read;
    const now = performance.now();
    if (now < kept.until && epoch === tracking.epoch && tracking.isAliveAt(now) && home.isStill()) {
      kept.isUsed = true;
      return value;
    }
    this.#kept.remove(kept);
    this.#drop(kept.read);
    return undefined;
  }

  /** Starts a read on the connection whose reads Redis tracks; `undefined` while there is none. */
  startReading(id: string, variants: readonly string[]): Reading | undefined {
    const key = responsesKey(this.#prefix, id);
    const home = this.#closed ? undefined : this.#servers.homeOf(key);
    const tracking = home && (this.#trackings.get(home.server) ?? this.#track(home.server));
    if (!home || !tracking?.isAlive || !tracking.connection.agrees()) return undefined;
    const { epoch, connection: reader } = tracking;
    const token = {};
    const readings = this.#readings.get(id) ?? new Set();
    this.#readings.set(id, readings.add(token));
    const drop = (): boolean => {
      const isUnchanged = readings.delete(token);
      if (readings.size === 0 && this.#readings.get(id) === readings) this.#readings.delete(id);
      return isUnchanged;
    };
    const keep = (values: readonly (StoredValue | undefined)[]): void => {
      if (!drop() || epoch !== tracking.epoch) return;
      variants.forEach((variant, i) => {
        const value = values[i];
        if (value) this.#keep({ id, variant, value: value.copy(), home, tracking, epoch });
      });
    };
    return { reader, key, keep, drop };
  }

  /** Drops the values of an id: they have changed, or are about to. */
  forget(id: string): void {
    const readings = this.#readings.get(id);
    readings?.clear();
    for (const kept of this.#values.get(id)?.values() ?? []) this.#kept.remove(kept);
    this.#values.delete(id);
  }

  forgetAll(): void {
    for (const readings of this.#readings.values()) readings.clear();
    this.#readings.clear();
    this.#kept.clear();
    this.#values.clear();
  }

  close(): void {
    this.#closed = true;
    this.#stopWatching();
    for (const server of [...this.#trackings.keys()]) this.#stopTracking(server);
  }

  #stopTracking(server: string): void {
    this.#trackings.get(server)?.close();
    this.#trackings.delete(server);
  }

  #keep(read: Read): void {
    const { id, variant, value } = read;
    const size = value.bytes.length + OVERHEAD_BYTES + 2 * (id.length + variant.length);
    const before = this.#values.get(id)?.get(variant);
    if (before) {
      this.#kept.remove(before);
      this.#drop(before.read);
    }
    if (size > this.#options.maxSize) return;
    const values = this.#values.get(id) ?? new Map<string, KeptValue>();
    this.#values.set(id, values);
    const kept = new KeptValue(read, performance.now() + this.#options.ttl);
    values.set(variant, kept);
    this.#kept.keep(kept, size);
  }

  /** Takes a value that is not kept any more out of the map. */
  #drop({ id, variant }: Read): void {
    const values = this.#values.get(id);
    if (values?.delete(variant) && values.size === 0) this.#values.delete(id);
  }

  #track(server: string): Tracking | undefined {
    const track = this.#servers.track(server);
    if (!track) return undefined;
    const tracking = new Tracking(track, {
      changed: (keys) => {
        if (keys === null) return this.forgetAll();
        for (const key of keys) {
          const text = key.toString();
          const parsed = text.startsWith(this.#prefix) ? parseKey(this.#prefix, text) : undefined;
          if (parsed?.of === 'responses') this.forget(parsed.id);
        }
      },
      lost: () => this.forgetAll(),
      refused: ({ message }) => this.#onFault({ step: 'near', code: replyCode(message) ?? 'error', message }),
    });
    this.#trackings.set(server, tracking);
    return tracking;
  }
}
