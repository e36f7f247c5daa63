import { LRUCache } from 'lru-cache';
import type { FaultEvent } from '../../observe/outcome.ts';
import type { RedisClient } from '../../options/redis.ts';
import { baseKey, parseKey } from '../redis/keys.ts';
import { keyPrefixOf } from '../redis/scan.ts';
import { type Home, peerOf, type Servers, serversOf } from './servers.ts';
import { type Connection, Tracking } from './tracking.ts';

/** How much is kept near, in bytes, and how long it is used without asking again, in milliseconds. */
export interface NearOptions {
  readonly maxSize: number;
  readonly ttl: number;
}

interface Kept {
  readonly id: string;
  readonly variant: string;
  readonly bytes: Buffer;
  readonly home: Home;
  readonly tracking: Tracking;
  readonly era: number;
}

/** A read that is under way: what it brings is kept unless it has changed meanwhile. */
interface Reading {
  readonly reader: Connection;
  /** As the server knows it. */
  readonly key: string;
  /** Keeps what was read. To be called before anything else is awaited. */
  keep(values: readonly (Buffer | undefined)[]): void;
  /** Is called instead when nothing was read. */
  drop(): void;
}

/**
 * What was read lately, kept in this process for as long as Redis is heard to say when it changes. Everything in
 * doubt is not there: a read that crosses a change, a server that was silent for a moment, a slot that moved.
 */
export class Near {
  readonly #servers: Servers;
  readonly #prefix: string;
  readonly #onFault: (fault: FaultEvent) => void;
  readonly #trackings = new Map<string, Tracking>();
  readonly #kept: LRUCache<string, Kept>;
  readonly #variants = new Map<string, Set<string>>();
  /** The reads under way, by id; one that crosses a change is taken out. */
  readonly #readings = new Map<string, Set<object>>();
  readonly #unwatch: () => void;
  #closed = false;

  constructor(
    client: RedisClient,
    prefix: string,
    options: NearOptions,
    onFault: (fault: FaultEvent) => void,
  ) {
    this.#servers = serversOf(client);
    this.#prefix = `${keyPrefixOf(client)}${prefix}`;
    this.#onFault = onFault;
    this.#unwatch = this.#servers.watch({
      // What the client is connected to next may be another server.
      lost: () => {
        for (const tracking of this.#trackings.values()) tracking.restart();
      },
      left: (server) => this.#leave(server),
    });
    this.#kept = new LRUCache({
      maxSize: options.maxSize,
      ttl: options.ttl,
      sizeCalculation: ({ bytes, id, variant }) => bytes.length + OVERHEAD + 2 * (id.length + variant.length),
      dispose: ({ id, variant }, _place, reason) => {
        if (reason === 'set') return;
        const variants = this.#variants.get(id);
        if (variants?.delete(variant) && variants.size === 0) this.#variants.delete(id);
      },
    });
  }

  /** The value at a place, if it is near and beyond doubt. */
  get(id: string, variant: string): Buffer | undefined {
    const place = placeOf(id, variant);
    const kept = this.#kept.get(place);
    if (!kept) return undefined;
    const { tracking, era, home, bytes } = kept;
    if (era === tracking.era && tracking.alive && home.isStill()) return bytes;
    this.#kept.delete(place);
    return undefined;
  }

  /** Begins to read from where changes are told; `undefined` where they are not. */
  read(id: string, variants: readonly string[]): Reading | undefined {
    const key = baseKey(this.#prefix, id);
    const home = this.#closed ? undefined : this.#servers.homeOf(key);
    const tracking = home && (this.#trackings.get(home.server) ?? this.#track(home.server));
    if (!home || !tracking?.alive || !this.#servers.agrees(peerOf(tracking.reader))) return undefined;
    const { era, reader } = tracking;
    const token = {};
    const readings = this.#readings.get(id) ?? new Set();
    this.#readings.set(id, readings.add(token));
    const drop = (): boolean => {
      const watched = readings.delete(token);
      if (readings.size === 0 && this.#readings.get(id) === readings) this.#readings.delete(id);
      return watched;
    };
    const keep = (values: readonly (Buffer | undefined)[]): void => {
      if (!drop() || era !== tracking.era) return;
      variants.forEach((variant, i) => {
        const bytes = values[i];
        // What a client gives may be a small part of a large buffer.
        if (bytes) this.#keep({ id, variant, bytes: Buffer.from(bytes), home, tracking, era });
      });
    };
    return { reader, key, keep, drop };
  }

  /** Something has changed, as this process knows before Redis says so. */
  forget(id: string): void {
    const readings = this.#readings.get(id);
    readings?.clear();
    for (const variant of [...(this.#variants.get(id) ?? [])]) this.#kept.delete(placeOf(id, variant));
  }

  forgetAll(): void {
    for (const readings of this.#readings.values()) readings.clear();
    this.#readings.clear();
    this.#kept.clear();
  }

  close(): void {
    this.#closed = true;
    this.#unwatch();
    for (const name of [...this.#trackings.keys()]) this.#leave(name);
  }

  /** Servers that are none any more are not listened to. */
  #leave(server: string): void {
    this.#trackings.get(server)?.close();
    this.#trackings.delete(server);
  }

  #keep(kept: Kept): void {
    this.#kept.set(placeOf(kept.id, kept.variant), kept);
    if (!this.#kept.has(placeOf(kept.id, kept.variant))) return;
    const variants = this.#variants.get(kept.id) ?? new Set();
    this.#variants.set(kept.id, variants.add(kept.variant));
  }

  #track(server: string): Tracking | undefined {
    const connect = this.#servers.connect(server);
    if (!connect) return undefined;
    const tracking = new Tracking(connect, {
      changed: (keys) => {
        if (keys === null) return this.forgetAll();
        for (const key of keys) {
          const text = key.toString();
          const parsed = text.startsWith(this.#prefix) ? parseKey(this.#prefix, text) : undefined;
          if (parsed?.of === 'responses') this.forget(parsed.id);
        }
      },
      lost: () => this.forgetAll(),
      refused: ({ message }) => this.#onFault({ step: 'near', code: codeOf(message), message }),
    });
    this.#trackings.set(server, tracking);
    return tracking;
  }
}

/** What an entry takes beside its bytes and names, about. */
const OVERHEAD = 300;

function placeOf(id: string, variant: string): string {
  return `${id}\n${variant}`;
}

function codeOf(message: string): string {
  return /^([A-Z]{2,})\b/.exec(message)?.[1] ?? 'error';
}
