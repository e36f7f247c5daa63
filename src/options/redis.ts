import type { ClusterNode, ClusterOptions, RedisOptions } from 'ioredis';

/** The forms of the `redis` option. `store/redis/connect.ts` tells them apart and refuses the rest. */

/**
 * A client of your own: ioredis's `Redis` or `Cluster`, version 5 or 6. The cache uses these members only, so the client
 * may come from another copy of ioredis.
 */
export interface RedisClient {
  readonly status: string;
  readonly isCluster?: boolean;
  readonly options: object;
  get(key: string): Promise<string | null>;
  hgetBuffer(key: string, field: string): Promise<Buffer | null>;
  hmgetBuffer(key: string, ...fields: string[]): Promise<(Buffer | null)[]>;
  evalsha(sha: string, keys: number, ...args: (string | number | Buffer)[]): Promise<unknown>;
  eval(script: string, keys: number, ...args: (string | number | Buffer)[]): Promise<unknown>;
  call(command: string, ...args: (string | number | Buffer)[]): Promise<unknown>;
  unlink(...keys: string[]): Promise<number>;
  ping(): Promise<string>;
  /** Listened to only while Redis fails. */
  on(event: 'ready', listener: () => void): unknown;
  /** Removes the listener. */
  off(event: 'ready', listener: () => void): unknown;
}

/** Where responses are stored: a client that you own, a URL, ioredis options, or the nodes of a Redis Cluster. */
export type RedisOption =
  | RedisClient
  | string
  | RedisOptions
  | { readonly cluster: readonly ClusterNode[]; readonly options?: ClusterOptions | undefined };
