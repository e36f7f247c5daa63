import type { RedisOptions } from 'ioredis';

/**
 * For sockets of our own. A connection that has died silently, as when a host vanishes, is given up after ten seconds (the
 * kernel takes a quarter of an hour). A connection that is being closed does not delay the end of the process.
 */
export const SOCKET = {
  socketTimeout: 10_000,
  disconnectTimeout: 100,
} as const;

/** After how many milliseconds a lost connection is opened again. */
export function retryDelay(times: number): number {
  return Math.min(50 * 2 ** Math.min(times, 6), 2000);
}

/**
 * For connections of our own over ioredis. Without a connection a command fails at once and does not wait in a queue. Reconnecting never
 * stops. A server that is still loading says so itself: ioredis would ask by INFO, and print a warning if it may not.
 */
export const CONNECTION_OPTIONS: RedisOptions = {
  ...SOCKET,
  maxRetriesPerRequest: 0,
  enableReadyCheck: false,
  retryStrategy: retryDelay,
};
