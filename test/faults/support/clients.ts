import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import type { RedisOption } from '../../../src/index.ts';
import type { RedisProcess } from '../../support/redis.ts';

/** A way to give Redis to the cache, and how its user takes it away again. */
export interface Client {
  option: RedisOption;
  end(): void;
}

export type Way = (redis: RedisProcess) => Client;

const nothing = (): void => {};

/** Connections that the cache opens itself. */
export const OWN: Record<string, Way> = {
  'a URL': ({ url }) => ({ option: url, end: nothing }),
  options: ({ host, port, ...rest }) => {
    const { password } = rest as { password?: string };
    return { option: { host, port, ...(password !== undefined && { password }) }, end: nothing };
  },
};

/** Clients that belong to the app, as an app would make them. */
const USERS: Record<string, Way> = {
  "the app's own ioredis 6 client": ({ url }) => ofUser(new Redis(url, { disconnectTimeout: 100 })),
  "the app's own ioredis 5 client": ({ url }) => ofUser(new Redis5(url, { disconnectTimeout: 100 })),
};

export const WAYS: [string, Way][] = Object.entries({ ...OWN, ...USERS });

function ofUser(client: Redis | Redis5): Client {
  (client as Redis).on('error', nothing);
  return { option: client as Redis, end: () => client.disconnect() };
}
