import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { jest } from '@jest/globals';
import { transformSync } from '@swc/core';
import * as ioredis from 'ioredis';
import type * as Product from '../../../src/index.ts';
import type * as Memory from '../../../src/store/memory/memory-store.ts';
import type * as Connect from '../../../src/store/redis/connect.ts';
import type { Store } from '../../../src/store/store.ts';
import { activity } from './wire.ts';

const SRC = join(__dirname, '../../../src');

/** A small edit of src/. */
export interface Mutation {
  readonly name: string;
  /** Texts that stand in src/ once each, and what is put in their place. */
  readonly edits: readonly (readonly [from: string, to: string])[];
}

const sources = new Map(
  readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => [join(SRC, file), readFileSync(join(SRC, file), 'utf8')]),
);

export type Load = Pick<typeof Product, 'redisCache'>;

/** The stores in process, by prefix. */
const stores = new Map<string, Store>();

/**
 * Loads the product, with a mutation or as it is: each time anew, as another process does. The caches in process share
 * one store for each prefix, as processes share Redis.
 */
export function load(mutation?: Mutation): Load {
  let product: Load | undefined;
  jest.isolateModules(() => {
    // It takes longer to load than the product, and keeps nothing.
    jest.doMock('ioredis', () => ioredis);
    jest.doMock(join(SRC, 'store/redis/connect.ts'), () => {
      const actual = jest.requireActual<typeof Connect>(join(SRC, 'store/redis/connect.ts'));
      const { memoryStore } = require(join(SRC, 'store/memory/memory-store.ts')) as typeof Memory;
      const connect: typeof Connect.connect = (redis, prefix, options, clock, onFault) => {
        if (redis !== undefined) return actual.connect(redis, prefix, options, clock, onFault);
        const store = stores.get(prefix) ?? shared(memoryStore(clock), () => stores.delete(prefix));
        stores.set(prefix, store);
        return store;
      };
      return { ...actual, connect };
    });
    const files = mutation ? edited(mutation) : new Map<string, string>();
    for (const [path, source] of files) jest.doMock(path, () => evaluated(path, source));
    try {
      product = require(join(SRC, 'index.ts')) as Load;
    } finally {
      for (const path of [join(SRC, 'store/redis/connect.ts'), ...files.keys()]) jest.dontMock(path);
      jest.dontMock('ioredis');
    }
  });
  return product as Load;
}

/** The files that a mutation changes. @throws when there is nothing to edit: it must be written anew. */
function edited({ name, edits }: Mutation): Map<string, string> {
  const files = new Map<string, string>();
  for (const [from, to] of edits) {
    const [path, ...others] = [...sources.keys()].filter((one) => sources.get(one)?.includes(from));
    const parts = path === undefined ? [] : (files.get(path) ?? (sources.get(path) as string)).split(from);
    if (path === undefined || others.length > 0 || parts.length !== 2)
      throw new Error(`${name}: this stands in src/ not once:\n${from}`);
    files.set(path, parts.join(to));
  }
  return files;
}

function evaluated(path: string, source: string): unknown {
  const { code } = transformSync(source, {
    filename: path,
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'commonjs' },
  });
  const module = { exports: {} };
  const local = (id: string): unknown => require(id.startsWith('.') ? resolve(dirname(path), id) : id);
  new Function('require', 'module', 'exports', code)(local, module, module.exports);
  return module.exports;
}

/** A store of several caches, whose waits end when something has happened, as they do in Redis. */
function shared(store: Store, onClose: () => void): Store {
  let waiting: (() => void)[] = [];
  const wakes =
    <A extends unknown[], R>(verb: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      activity.count++;
      const result = await verb(...args);
      for (const wake of waiting.splice(0)) wake();
      return result;
    };
  const { responses, leases } = store;
  return {
    ...store,
    responses: {
      ...responses,
      commit: wakes(responses.commit),
      discard: wakes(responses.discard),
      purge: wakes(responses.purge),
    },
    leases: {
      ...leases,
      acquire(...args) {
        activity.count++;
        return leases.acquire(...args);
      },
      release: wakes(leases.release),
      wait: (_ref, ms) =>
        new Promise<void>((resolve) => {
          const timer = setTimeout(done, ms);
          function done(): void {
            clearTimeout(timer);
            waiting = waiting.filter((each) => each !== done);
            activity.count++;
            resolve();
          }
          waiting.push(done);
        }),
    },
    connection: {
      ...store.connection,
      async close() {
        onClose();
        await store.connection.close();
      },
    },
  };
}
