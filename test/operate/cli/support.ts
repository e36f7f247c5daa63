import { Readable } from 'node:stream';
import { afterEach } from '@jest/globals';
import { main } from '../../../src/cli/main.ts';
import { type CacheMiddleware, type CacheOptions, redisCache } from '../../../src/index.ts';
import type { Handler } from '../../support/app.ts';
import { uniquePrefix } from '../../support/prefix.ts';
import { site } from '../../support/stores.ts';

/* Runs commands on a Redis that an app has filled. */

export const url: string = process.env.TEST_REDIS_URL as string;

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  /** What is typed, on a terminal. */
  readonly typed?: string;
  readonly env?: Record<string, string>;
  readonly signal?: AbortSignal;
  /** Is called with each piece of the output. */
  readonly onOutput?: (text: string) => void;
}

/** Runs a command in this process. */
export async function run(args: readonly string[], terminal: Terminal = {}): Promise<Ran> {
  const { isTTY = false, columns = 100, env = {}, signal = new AbortController().signal } = terminal;
  const { onOutput = () => {}, typed } = terminal;
  const input = Object.assign(Readable.from(typed === undefined ? [] : [typed]), {
    isTTY: typed !== undefined,
  });
  const said = { out: [] as Buffer[], err: [] as Buffer[] };
  const output = (name: 'out' | 'err') => ({
    isTTY,
    columns,
    write(text: string | Uint8Array) {
      if (name === 'out') onOutput(text.toString());
      return said[name].push(Buffer.from(text as string));
    },
  });
  const io = { input, env, out: output('out'), err: output('err'), signal, version: '0' };
  const code = await main(args, io);
  return { code, out: Buffer.concat(said.out).toString(), err: Buffer.concat(said.err).toString() };
}

/** Characters that control a terminal, except those of colors and of the progress bar. */
export const ESCAPES: RegExp = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/;

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

export interface Filled {
  readonly prefix: string;
  /** The cache that the app has. */
  readonly cache: CacheMiddleware;
  /** Runs a command on it. */
  on(args: readonly string[], terminal?: Terminal): Promise<Ran>;
  get(path: string | { path: string; headers: Record<string, string> }): Promise<{ cacheStatus: string }>;
}

const app: Handler = (req, res) => {
  res.statusCode = req.url?.startsWith('/none') ? 404 : 200;
  res.setHeader('Content-Type', req.url?.startsWith('/bytes') ? 'image/png' : 'text/plain; charset=utf-8');
  res.setHeader('ETag', '"one"');
  // Header values may contain C1 controls, which some terminals obey.
  res.setHeader('X-Evil', 'a\x9b2Jb');
  if (req.url?.startsWith('/varied')) res.setHeader('Vary', 'Accept-Language');
  if (req.url?.startsWith('/public')) res.setHeader('Cache-Control', 'public');
  if (req.url?.startsWith('/lang')) res.setHeader('X-Answer', `in ${req.headers['x-lang']}`);
  if (req.url?.startsWith('/bytes')) res.end(Buffer.from([0, 255, 1, 254]));
  else res.end(`body of ${req.url}\n\x1b[2Jend\n`);
};

/** Stores the responses of an app to these requests. */
export async function filled(
  paths: readonly (string | { path: string; headers: Record<string, string> })[],
  options: CacheOptions = {},
): Promise<Filled> {
  const prefix = uniquePrefix();
  const all = { redis: url, prefix, timeout: '2s', tags: ['leads'], ...options } as CacheOptions;
  const { cache, get } = await site(all, app);
  for (const path of paths) await get(path);
  await cache.idle();
  const cleaner = redisCache(all);
  closing.push(async () => {
    await cleaner.purge({ all: true });
    await cleaner.close();
  });
  return {
    prefix,
    cache,
    get,
    on: (args, terminal) => {
      const redis = options.redis === undefined ? ['--redis', url] : [];
      return run([...args, ...redis, '--prefix', prefix], terminal);
    },
  };
}
