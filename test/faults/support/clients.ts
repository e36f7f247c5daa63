import { CLIENTS, type UsersClient } from '../../support/clients.ts';
import type { RedisProcess } from '../../support/redis.ts';

/** A way to give Redis to the cache, and how its user takes it away again. */
export type Client = UsersClient;

export type Way = (redis: RedisProcess) => Client | Promise<Client>;

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
const USERS: Record<string, Way> = Object.fromEntries(
  Object.entries(CLIENTS).map(([name, make]) => [`the app's own ${name} client`, ({ url }) => make(url)]),
);

export const WAYS: [string, Way][] = Object.entries({ ...OWN, ...USERS });
