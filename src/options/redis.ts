// The build marks this import as one that may fail (scripts/declarations.mjs): then the three types are `any`.
import type { ClusterNode, ClusterOptions, RedisOptions } from 'ioredis';

/** The forms of the `redis` option. `store/redis/connect.ts` tells them apart and refuses the rest. */

/** A client of your own: `Redis` or `Cluster` of ioredis 5 or 6, or of iovalkey. It may come from another copy of its library. */
export interface RedisClient {
  readonly status: string;
  readonly isCluster?: boolean;
  readonly options: object;
  hgetBuffer(key: string, field: string): Promise<Buffer | null>;
  hmgetBuffer(key: string, ...fields: string[]): Promise<(Buffer | null)[]>;
  evalsha(sha: string, keys: number, ...args: (string | number | Buffer)[]): Promise<unknown>;
  eval(script: string, keys: number, ...args: (string | number | Buffer)[]): Promise<unknown>;
  call(command: string, ...args: (string | number | Buffer)[]): Promise<unknown>;
  ping(): Promise<string>;
  /** Listened to only while Redis fails. */
  on(event: 'ready', listener: () => void): unknown;
  /** Removes the listener. */
  off(event: 'ready', listener: () => void): unknown;
}

/**
 * A client of node-redis 5 or 6 (the package `redis`): what `createClient`, `createClientPool`, `createSentinel` or
 * `createCluster` returns. You connect it, and listen to its `error` events.
 */
export interface NodeRedisClient {
  /** Whether it was connected, and not closed since. */
  readonly isOpen: boolean;
  /** Sends a command. */
  sendCommand(...args: never[]): Promise<unknown>;
  /** Called by you only. */
  connect(): Promise<unknown>;
}

/** A client of Valkey GLIDE 2 (the package `@valkey/valkey-glide`): a `GlideClient` or a `GlideClusterClient`. */
export interface GlideClient {
  /** Sends a command. */
  customCommand(...args: never[]): Promise<unknown>;
  /** Called by you only. */
  close(...args: never[]): void;
}

// Without ioredis its types are `any`, and `[any] extends [1]` is true. The tuple is needed: `any extends 1` alone gives the union
// of both branches.

/**
 * Where responses are stored: a client that you own, a URL, ioredis options, or the nodes of a Redis Cluster. The last two need
 * ioredis or iovalkey, and their types those of ioredis.
 */
export type RedisOption =
  | RedisClient
  | NodeRedisClient
  | GlideClient
  | string
  | ([RedisOptions] extends [1] ? never : RedisOptions)
  | ([ClusterNode] extends [1]
      ? never
      : { readonly cluster: readonly ClusterNode[]; readonly options?: ClusterOptions | undefined });
