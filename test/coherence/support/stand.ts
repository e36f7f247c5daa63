import { once } from 'node:events';
import { Agent, createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import {
  type CacheMiddleware,
  type CacheOptions,
  type FaultEvent,
  type PurgeTarget,
  redisCache,
  StoreError,
} from '../../../src/index.ts';
import { uniquePrefix } from '../../support/prefix.ts';

/** The host that every process answers for: it belongs to the key. */
const HOST = 'example.test';

/** What a request may take, in milliseconds: waiting for the lease of a process that died, and a slow machine. */
const BOUND = 8000;

/** What a purge names: a path, `all`, a tag (`#1`), or paths below `/url/` that begin so (`/url/1*`). */
type What = string;

const TAGS = 3;

/** The tag of a path. */
function tagOf(path: string): string {
  return `#${Number(/\d+$/.exec(path)?.[0] ?? 0) % TAGS}`;
}

export function covers(what: What, path: string): boolean {
  if (what.endsWith('*')) return path.startsWith(what.slice(0, -1));
  return what === 'all' || what === path || what === tagOf(path);
}

function targetOf(what: What): PurgeTarget {
  if (what === 'all') return { all: true };
  if (what.startsWith('#')) return { tag: what };
  if (what.startsWith('/key/')) return { key: ['item', what] };
  return what.endsWith('*') ? { prefix: what.slice(0, -1) } : { url: `http://${HOST}${what}` };
}

/** What the cache may wait for Redis: more than by default, for a slow machine to make no faults of its own. */
const TIMEOUT = 500;

interface Answer {
  hit: boolean;
  /** Whether the origin has another version by now. */
  old: boolean;
}

interface Run {
  readonly path: string;
  /** Lets the handler answer. */
  finish(): void;
}

/**
 * An origin that answers with the version it is at, behind several caches: as many processes, but for the memory.
 * Versions rise before each purge, so an answer tells whether it was made before one. That makes a witness of every
 * request: once a purge has resolved, no request that arrives later is given what was made before that purge began.
 *
 * Paths below `/key/` have a key of their own and are purged by it, others by their URL. Those with `vary` in their
 * name are made for a language. Each has a tag, by its number.
 */
export class Stand {
  readonly prefix: string = uniquePrefix();
  readonly caches: CacheMiddleware[] = [];
  readonly faults: FaultEvent[] = [];
  /** The handlers that run; only while `holds`. */
  readonly running: Run[] = [];
  /** While true, handlers do not answer by themselves. */
  holds = false;
  /** How often the handler ran. */
  runs = 0;
  /** Answers that came too late or were the wrong ones, in words. */
  readonly wrong: string[] = [];
  readonly #agent = new Agent({ keepAlive: true });
  readonly #servers: Server[] = [];
  readonly #versions = new Versions();
  /** The versions that purges have promised. */
  readonly #promised = new Versions();
  #version = 0;

  static async start(options: readonly CacheOptions[]): Promise<Stand> {
    const stand = new Stand();
    for (const each of options) await stand.add(each);
    return stand;
  }

  /** Starts another process, whose cache has not done anything yet; its number. */
  async add(options: CacheOptions): Promise<number> {
    // A server that ends an idle connection while the next request is on its way resets it.
    const server = createServer({ keepAliveTimeout: 0 }, (req, res) => {
      const { url = '' } = req;
      (url.startsWith('/key/') ? keyed : cache)(req, res, () => void this.#answer(req, res));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const cache = redisCache({ timeout: TIMEOUT, prefix: this.prefix, ...options });
    cache.on('fault', (fault) => this.faults.push(fault));
    const keyed = cache.with({ key: (req) => ['item', req.url as string] });
    this.#servers.push(server);
    return this.caches.push(cache) - 1;
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    this.runs++;
    const path = req.url as string;
    const version = this.#versions.of(path);
    if (this.holds) await new Promise<void>((finish) => this.running.push({ path, finish }));
    else await sleep(Math.random() * 20);
    const varies = path.includes('vary');
    res.setHeader('Cache-Tag', tagOf(path));
    if (varies) res.setHeader('Vary', 'Accept-Language');
    const language = varies ? req.headers['accept-language'] : 'any';
    res.end(`${path} in ${language} at version ${version}`);
  }

  /** Asks one process, and checks what it answers. */
  async ask(process: number, path: string, { language = 'en', signal }: Asked = {}): Promise<Answer> {
    const promised = this.#promised.of(path);
    const startedAt = performance.now();
    const res = await this.#send(process, path, language, {}, signal);
    let body = '';
    for await (const text of res) body += text;
    const ms = performance.now() - startedAt;
    const cacheStatus = String(res.headers['cache-status']).replace(/^redis-response-cache; /, '');
    const [, made, version] = /^(.*) at version (\d+)$/.exec(body) ?? [];
    const told = `${path} in ${language} (${cacheStatus}): "${body}" after ${Math.round(ms)} ms`;
    const wrong = (word: string): unknown => this.wrong.push(`${word}: ${told}`);
    if (made !== `${path} in ${path.includes('vary') ? language : 'any'}`) wrong('not asked');
    if (Number(version) < promised) wrong(`from before the purge at ${promised}`);
    if (ms > BOUND) wrong('late');
    return { hit: cacheStatus.startsWith('hit'), old: Number(version) < this.#versions.of(path) };
  }

  async #send(
    process: number,
    path: string,
    language: string,
    fields: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<IncomingMessage> {
    const { port } = (this.#servers[process] as Server).address() as AddressInfo;
    const headers = { Host: HOST, 'Accept-Language': language, ...fields };
    const request = get({ port, path, headers, agent: this.#agent, ...(signal && { signal }) });
    const [res] = (await once(request, 'response')) as [IncomingMessage];
    return res;
  }

  /** Purges; false when that was not confirmed, and so promises nothing. */
  async purge(process: number, what: What, soft = false): Promise<boolean> {
    const version = ++this.#version;
    this.#versions.raise(what, version);
    try {
      await (this.caches[process] as CacheMiddleware).purge(targetOf(what), { soft });
    } catch (error) {
      expect(error).toBeInstanceOf(StoreError);
      return false;
    }
    this.#promised.raise(what, version);
    return true;
  }

  /** Raises the version of everything without a purge, so that answers tell whether they were made before. */
  age(): void {
    this.#versions.raise('all', ++this.#version);
  }

  /** Purges, asked as often as it takes: it must be confirmed soon. */
  async purgeSoon(process: number, what: What, soft = false): Promise<void> {
    await this.soon(() => this.purge(process, what, soft), `a purge of ${what} is confirmed`);
  }

  async untilHit(process: number, path: string, asked: Asked = {}): Promise<void> {
    await this.soon(async () => (await this.ask(process, path, asked)).hit, `${path} is a hit`);
  }

  /** Has every process find them all. */
  async fill(paths: readonly string[]): Promise<void> {
    await Promise.all(
      this.caches.flatMap((_cache, process) => paths.map((path) => this.untilHit(process, path))),
    );
  }

  /** Asks one process for all of them; how many were hits. */
  async countHits(process: number, paths: readonly string[]): Promise<number> {
    const answers = await Promise.all(paths.map((path) => this.ask(process, path)));
    return answers.filter(({ hit }) => hit).length;
  }

  /** Those of the paths that one process could answer from the store. */
  async stored(process: number, paths: readonly string[], language: string = 'en'): Promise<string[]> {
    const found = await Promise.all(
      paths.map(async (path) => {
        const res = await this.#send(process, path, language, { 'Cache-Control': 'only-if-cached' });
        res.resume();
        return res.statusCode === 200;
      }),
    );
    return paths.filter((_path, i) => found[i]);
  }

  /** Waits until every process has stored what it was to store. */
  async idle(): Promise<void> {
    await Promise.all(this.caches.map((cache) => cache.idle()));
  }

  /**
   * Two fills of the first process are under way while the master fails over: of one, nobody waits for the answer any
   * more, so that its lease is not renewed and keeps others waiting for its five seconds at most. The other is purged
   * afterwards, and what it brings must not be stored.
   */
  async expectLeasesToEnd(failover: () => Promise<void>): Promise<void> {
    const gone = new AbortController();
    this.holds = true;
    const asked = [
      this.ask(0, '/key/left', { signal: gone.signal }).catch(() => {}),
      this.ask(0, '/key/purged'),
    ];
    await this.soon(() => this.running.length === 2, 'both fills are under way');
    this.holds = false;
    gone.abort();
    await failover();
    await Promise.all([this.ask(1, '/key/left'), this.purgeSoon(1, '/key/purged')]);
    for (const { finish } of this.running.splice(0)) finish();
    await Promise.all(asked);
    await this.untilHit(1, '/key/left');
    await this.untilHit(1, '/key/purged');
  }

  /** Asks and, unless told not to, purges at random processes while the work is under way. */
  async loaded<T>(
    paths: readonly string[],
    work: Promise<T>,
    { purges = true }: { purges?: boolean } = {},
  ): Promise<T> {
    let working = true;
    const done = work.finally(() => {
      working = false;
    });
    const process = (): number => Math.floor(Math.random() * this.caches.length);
    const path = (): string => paths[Math.floor(Math.random() * paths.length)] as string;
    const repeat = async (each: () => Promise<unknown>): Promise<void> => {
      do await each();
      while (working);
    };
    const asking = Array.from({ length: 6 }, () =>
      repeat(async () => {
        await this.ask(process(), path(), { language: Math.random() < 0.5 ? 'de' : 'en' });
        await sleep(Math.random() * 10);
      }),
    );
    const purging = Array.from({ length: purges ? 2 : 0 }, () =>
      repeat(async () => {
        const rare = ['all', '#0', '#1', '#2', '/url/*', '/url/1*'][Math.floor(Math.random() * 30)];
        await this.purge(process(), rare ?? path(), Math.random() < 0.3);
        await sleep(Math.random() * 40);
      }),
    );
    await Promise.all([...asking, ...purging]);
    return done;
  }

  async soon(probe: () => boolean | Promise<boolean>, what: string, within = 15_000): Promise<void> {
    const startedAt = performance.now();
    for (let wait = 5; !(await probe()); wait = Math.min(2 * wait, 50)) {
      await sleep(wait);
      if (performance.now() - startedAt < within) continue;
      const last = this.faults.slice(-5).map(({ step, code, message }) => `${step} ${code} ${message}`);
      throw new Error(`not within ${within} ms: ${what}; the last faults: ${last.join(' / ')}`);
    }
  }

  async close(): Promise<void> {
    for (const { finish } of this.running) finish();
    for (const server of this.#servers) {
      server.closeAllConnections();
      server.close();
    }
    this.#agent.destroy();
    await Promise.all(this.caches.map((cache) => cache.close()));
  }
}

interface Asked {
  language?: string;
  signal?: AbortSignal;
}

/** The last version of each thing that a purge may name. */
class Versions {
  readonly #versions = new Map<What, number>();

  of(path: string): number {
    let last = 0;
    for (const [what, version] of this.#versions) if (version > last && covers(what, path)) last = version;
    return last;
  }

  raise(what: What, version: number): void {
    this.#versions.set(what, Math.max(version, this.#versions.get(what) ?? 0));
  }
}
