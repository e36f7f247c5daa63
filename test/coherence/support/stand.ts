import { once } from 'node:events';
import { Agent, createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import {
  type CacheMiddleware,
  type CacheOptions,
  type FaultEvent,
  redisCache,
  StoreError,
} from '../../../src/index.ts';
import { uniquePrefix } from '../../support/prefix.ts';

/** The host that every process answers for: it belongs to the key. */
const HOST = 'example.test';

/** What a request may take, in milliseconds: waiting for the lease of a process that died, and a slow machine. */
const BOUND = 8000;

interface Answer {
  /** What the origin's version was when the handler run began that made this answer. */
  version: number;
  /** Whether the origin has another version by now. */
  old: boolean;
  hit: boolean;
  cacheStatus: string;
  ms: number;
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
 * name are made for a language.
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
  answers = 0;
  hits = 0;
  slowest = 0;
  confirmed = 0;
  refused = 0;
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
    const server = createServer((req, res) => {
      const { url = '' } = req;
      (url.startsWith('/key/') ? keyed : cache)(req, res, () => void this.#answer(req, res));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const cache = redisCache({ timeout: 250, prefix: this.prefix, ...options });
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
    if (varies) res.setHeader('Vary', 'Accept-Language');
    const language = varies ? req.headers['accept-language'] : 'any';
    res.end(`${path} in ${language} at version ${version}`);
  }

  /** Asks one process, and checks what it answers. */
  async ask(process: number, path: string, { language = 'en', signal }: Asked = {}): Promise<Answer> {
    const promised = this.#promised.of(path);
    const startedAt = performance.now();
    const { port } = (this.#servers[process] as Server).address() as AddressInfo;
    const headers = { Host: HOST, 'Accept-Language': language };
    const request = get({ port, path, headers, agent: this.#agent, ...(signal && { signal }) });
    const [res] = (await once(request, 'response')) as [IncomingMessage];
    let body = '';
    for await (const text of res) body += text;
    const ms = performance.now() - startedAt;
    const cacheStatus = String(res.headers['cache-status']).replace(/^redis-response-cache; /, '');
    const [, made, version] = /^(.*) at version (\d+)$/.exec(body) ?? [];
    const old = Number(version) < this.#versions.of(path);
    const answer = { version: Number(version), old, hit: cacheStatus.startsWith('hit'), cacheStatus, ms };
    this.answers++;
    if (answer.hit) this.hits++;
    this.slowest = Math.max(this.slowest, ms);
    const told = `${path} in ${language} (${cacheStatus}): "${body}" after ${Math.round(ms)} ms`;
    if (made !== `${path} in ${path.includes('vary') ? language : 'any'}`)
      this.wrong.push(`not asked: ${told}`);
    if (answer.version < promised) this.wrong.push(`from before the purge that began ${promised}: ${told}`);
    if (ms > BOUND) this.wrong.push(`late: ${told}`);
    return answer;
  }

  /** Purges a path, or all of them; false when that was not confirmed, and so promises nothing. */
  async purge(process: number, path: string | 'all'): Promise<boolean> {
    const version = ++this.#version;
    this.#versions.raise(path, version);
    const url = `http://${HOST}${path}`;
    const key = ['item', path];
    const target = path === 'all' ? ({ all: true } as const) : path.startsWith('/key/') ? { key } : { url };
    try {
      await (this.caches[process] as CacheMiddleware).purge(target);
    } catch (error) {
      expect(error).toBeInstanceOf(StoreError);
      this.refused++;
      return false;
    }
    this.confirmed++;
    this.#promised.raise(path, version);
    return true;
  }

  /** Raises the version of everything without a purge, so that answers tell whether they were made before. */
  age(): void {
    this.#versions.raise('all', ++this.#version);
  }

  /** Purges, asked as often as it takes: it must be confirmed soon. */
  async purgeSoon(process: number, path: string | 'all'): Promise<void> {
    await this.soon(() => this.purge(process, path), `a purge of ${path} is confirmed`);
  }

  async untilHit(process: number, path: string, asked: Asked = {}): Promise<void> {
    await this.soon(async () => (await this.ask(process, path, asked)).hit, `${path} is a hit`);
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
    const asking = Array.from({ length: 10 }, () =>
      repeat(async () => {
        await this.ask(process(), path(), { language: Math.random() < 0.5 ? 'de' : 'en' });
        await sleep(Math.random() * 10);
      }),
    );
    const purging = Array.from({ length: purges ? 2 : 0 }, () =>
      repeat(async () => {
        await this.purge(process(), path());
        await sleep(Math.random() * 40);
      }),
    );
    await Promise.all([...asking, ...purging]);
    return done;
  }

  async soon(probe: () => boolean | Promise<boolean>, what: string, within = 15_000): Promise<void> {
    for (const startedAt = performance.now(); !(await probe()); await sleep(50)) {
      if (performance.now() - startedAt < within) continue;
      const last = this.faults.slice(-5).map(({ step, code, message }) => `${step} ${code} ${message}`);
      throw new Error(`not within ${within} ms: ${what}; the last faults: ${last.join(' / ')}`);
    }
  }

  get summary(): object {
    const { answers, hits, runs, slowest, confirmed, refused, wrong } = this;
    const faults = new Map<string, number>();
    for (const { step, code, message } of this.faults) {
      const t = `${step} ${code} ${message}`.replace(/\d{3,}/g, 'N').slice(0, 140);
      faults.set(t, (faults.get(t) ?? 0) + 1);
    }
    return { answers, hits, runs, slowest, confirmed, refused, wrong: wrong.length, faults };
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

/** A version for each path, and one for all that is a lower bound. */
class Versions {
  #all = 0;
  readonly #each = new Map<string, number>();

  of(path: string): number {
    return Math.max(this.#all, this.#each.get(path) ?? 0);
  }

  raise(path: string | 'all', version: number): void {
    if (path === 'all') this.#all = Math.max(this.#all, version);
    else this.#each.set(path, Math.max(this.of(path), version));
  }
}
