import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type express from 'express';
import type { CacheMiddleware, CacheOptions, PurgeTarget, RedisClient } from '../../../src/index.ts';
import { Random } from '../../coherence/model/random.ts';
import { credentialsOf, credentialsOfCaller, fieldsOf, type Identity, sidOf } from './callers.ts';
import type { History, Method, Purge, Request, Run, Target } from './history.ts';
import type { Load } from './load.ts';
import type { Ask, Schedule, Step } from './schedule.ts';
import { contentOf, isRouted, type Page, place, read, speaks } from './site.ts';
import { activity, send } from './wire.ts';

/** A request as middleware in front has seen it. */
interface Seen {
  readonly request: number | undefined;
  readonly credentials: string;
  readonly identity: Identity | undefined;
  readonly language: string | undefined;
}

type Front = IncomingMessage & { headers: Record<string, unknown>; id?: unknown; log?: unknown; db?: object };
type Layer = (req: IncomingMessage, res: ServerResponse, next: () => void) => void;

/** Whom the option `vary.caller` names. */
const asking = new AsyncLocalStorage<Identity | undefined>();

const DATABASE = { name: 'the same for every request' };
class Logger {
  readonly id: string;
  constructor(id: string) {
    this.id = id;
  }
}

/** What plays schedules: the product, and a client of Redis where it is to store there, both for each process. */
export interface Stage {
  readonly loads: readonly Load[];
  readonly redis?: readonly RedisClient[];
  prefix(): string;
}

/** One schedule carried out, and its history. */
export async function play(schedule: Schedule, stage: Stage): Promise<History> {
  const random = Math.random;
  const seeded = new Random(schedule.seed + 1);
  Math.random = () => seeded.next();
  const performance = new Performance(schedule, stage);
  try {
    return await performance.perform();
  } finally {
    Math.random = random;
    await performance.close();
  }
}

class Performance {
  readonly #schedule: Schedule;
  readonly #stage: Stage;
  readonly #history: History;
  readonly #caches: readonly CacheMiddleware[];
  readonly #servers: readonly Server[];
  readonly #seen = new WeakMap<IncomingMessage, Seen>();
  readonly #identities: ReadonlyMap<string, Identity | undefined>;
  readonly #versions: number[];
  readonly #underWay = new Set<Promise<unknown>>();
  /** Requests that are not answered yet, with how their clients go away. */
  readonly #leaving = new Map<Request, () => void>();
  /** Runs that wait. */
  #waiting: (() => void)[] = [];
  /** Whether runs need not wait. */
  #free = false;
  /** Whether the next run fails. */
  #fails = false;
  #clock = Date.now();
  #now = 0;
  #nonce = 0;

  constructor(schedule: Schedule, stage: Stage) {
    const { seed, site } = schedule;
    this.#schedule = schedule;
    this.#stage = stage;
    this.#history = { seed, site, requests: [], runs: [], purges: [], faults: [] };
    this.#identities = new Map(
      site.callers.flatMap((caller) => [
        // A refresh may send the cookie alone that the key goes by.
        [`cookie: ${sidOf(caller.credentials.cookie)}`, caller.identity],
        [credentialsOfCaller(caller), caller.identity],
      ]),
    );
    this.#versions = site.pages.map(() => 0);
    const prefix = stage.prefix();
    this.#caches = Array.from({ length: site.processes }, (_, index) => this.#open(prefix, index));
    this.#servers = this.#caches.map((cache) => createServer(this.#app(cache)));
  }

  async perform(): Promise<History> {
    for (const step of this.#schedule.steps) {
      await this.#take(step);
      await this.#rest();
    }
    return this.#history;
  }

  async close(): Promise<void> {
    this.#release();
    await Promise.all(this.#caches.map((cache) => cache.close()));
  }

  #open(prefix: string, index: number): CacheMiddleware {
    const { site } = this.#schedule;
    const { ttl, staleWhileRevalidate, staleIfError, earlyRefresh } = site;
    const { namesCaller, varies, agree, near } = site;
    const redis = this.#stage.redis?.[index];
    const cache = (this.#stage.loads[index] as Load).redisCache({
      prefix,
      ...(redis && { redis, near }),
      ttl,
      staleWhileRevalidate,
      staleIfError,
      earlyRefresh,
      // Nothing fails, and what is slow is waited for.
      timeout: '10s',
      clock: () => this.#clock,
      tags: ['model'],
      credentials: ['x-badge'],
      ...(agree !== undefined && { guard: { agree } }),
      vary: {
        ...(varies === 'sid' && { cookies: ['sid'] }),
        ...(varies === 'authorization' && { headers: ['authorization'] }),
        ...(namesCaller && {
          caller: () => asking.getStore()?.name ?? null,
        }),
      },
    } as unknown as CacheOptions);
    cache.on('fault', ({ step, code, message }) => this.#history.faults.push(`${step} ${code} ${message}`));
    return cache;
  }

  #app(cache: CacheMiddleware): (req: IncomingMessage, res: ServerResponse) => void {
    const ofMembers = cache.with({});
    const layers: Layer[] = [
      (req, res, next) => this.#front(req as Front, res, next),
      (req, res, next) => {
        const { identity } = this.#seen.get(req) as Seen;
        const isMember = isRouted(this.#schedule.site, identity);
        (isMember ? ofMembers : cache)(
          req,
          res,
          isMember ? () => void this.#handle(req, res, identity) : next,
        );
      },
      (req, res) => void this.#handle(req, res),
    ];
    const { framework } = this.#schedule.site;
    if (framework === 'node:http') {
      return (req, res) => {
        Object.assign(res, { locals: {} });
        const call = (i: number): void => layers[i]?.(req, res, () => call(i + 1));
        call(0);
      };
    }
    const app = (require(framework === 'Express 5' ? 'express' : 'express4') as typeof express)();
    app.set('env', 'test');
    app.set('etag', false);
    for (const layer of layers) app.use(layer as never);
    return app as never;
  }

  /** Middleware in front of the cache. */
  #front(req: Front, res: ServerResponse, next: () => void): void {
    const { site } = this.#schedule;
    const { locals } = res as unknown as { locals: Record<string, unknown> };
    const credentials = credentialsOf(req);
    const identity = this.#identities.get(credentials);
    const nonce = this.#nonce++;
    const request = req.headers['x-request'];
    const of = request === undefined ? undefined : Number(request);
    const language = req.headers['accept-language'] as string | undefined;
    this.#seen.set(req, { request: of, credentials, identity, language });
    if (site.pages.some((page) => speaks(page) && page.language === 'locals')) locals.lang = language;
    if (site.pages.some(({ dependsOn }) => dependsOn === 'nonce')) locals.nonce = nonce;
    if (site.noise) {
      req.id = `request-${nonce}`;
      Object.assign(req, { log: new Logger(`request-${nonce}`) });
      req.db = DATABASE;
    }
    if (site.deletes)
      for (const name of ['authorization', 'cookie', 'x-api-key', 'x-forwarded-user', 'x-badge'])
        delete req.headers[name];
    asking.run(identity, () => place(site, identity, req, locals, next));
  }

  /** The pages behind it. @param routed the member whose own route it is. */
  async #handle(req: IncomingMessage, res: ServerResponse, routed?: Identity): Promise<void> {
    activity.count++;
    const { request, credentials, identity } = this.#seen.get(req) as Seen;
    const { site } = this.#schedule;
    const index = site.pages.findIndex(({ path }) => path === req.url);
    const page = site.pages[index] as Page;
    const run: Run = {
      ...{ id: this.#history.runs.length, page: index, method: req.method as Method, request, credentials },
      ...{ caller: site.namesCaller ? (identity?.name ?? null) : null, beganAt: this.#now++ },
      ...{ failed: this.#fails, version: undefined, content: undefined, endedClock: undefined },
    };
    this.#fails = false;
    this.#history.runs.push(run);
    try {
      if (page.waits === 'before') await this.#wait();
      run.version = this.#versions[index] as number;
      if (page.waits === 'after') await this.#wait();
      const content = contentOf(page, run.version, this.#shown(page, req, res, routed));
      run.content = run.failed ? 'failed\n' : content;
      await this.#answer(req, res, page, run);
    } catch (error) {
      this.#history.faults.push(String((error as Error).stack));
      res.destroy();
    }
  }

  async #answer(req: IncomingMessage, res: ServerResponse, page: Page, run: Run): Promise<void> {
    const content = Buffer.from(run.content as string);
    res.setHeader('X-Run', run.id);
    res.setHeader('Content-Type', 'text/plain');
    const cacheControl = CACHE_CONTROL[page.says];
    if (cacheControl && !run.failed) res.setHeader('Cache-Control', cacheControl);
    const vary = page.language === 'vary' ? ['Accept-Language'] : [];
    if (page.says === 'vary-cookie') vary.push('Cookie');
    if (vary.length > 0) res.setHeader('Vary', vary.join(', '));
    if (run.failed) res.statusCode = 500;
    else if (page.etag) {
      const etag = `"${createHash('sha1').update(content).digest('hex').slice(0, 12)}"`;
      res.setHeader('ETag', etag);
      if (req.headers['if-none-match'] === etag) {
        res.statusCode = 304;
        run.endedClock = this.#clock;
        res.end();
        return;
      }
    }
    res.setHeader('Content-Length', content.length);
    if (page.waits === 'body') {
      res.write(content.subarray(0, 5));
      await this.#wait();
    }
    run.endedClock = this.#clock;
    res.end(content.subarray(page.waits === 'body' ? 5 : 0));
  }

  /** What the page shows: only what it depends on is read. */
  #shown(
    page: Page,
    req: IncomingMessage,
    res: ServerResponse,
    routed: Identity | undefined,
  ): Parameters<typeof contentOf>[2] {
    const { dependsOn, channel, language } = page;
    const { locals } = res as unknown as { locals: { lang?: string; nonce?: number } };
    const isPersonal = !['nothing', 'language', 'device', 'nonce'].includes(dependsOn);
    return {
      identity: isPersonal
        ? read(
            channel,
            this.#schedule.site.property,
            req,
            res,
            (credentials) => this.#identities.get(credentials),
            routed,
          )
        : undefined,
      language: speaks(page) ? LANGUAGE[language](req, locals, this.#seen.get(req) as Seen) : undefined,
      device: dependsOn === 'device' ? (req.headers['x-device'] as string | undefined) : undefined,
      nonce: dependsOn === 'nonce' ? locals.nonce : undefined,
    };
  }

  #wait(): Promise<void> {
    return this.#free ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'ask':
        for (const ask of step.asks) this.#track(this.#ask(ask));
        return;
      case 'release': {
        const [released] = this.#waiting.splice(Math.floor(step.which * this.#waiting.length), 1);
        released?.();
        return;
      }
      case 'later':
        this.#clock += step.ms;
        return;
      case 'leave': {
        const waiting = [...this.#leaving];
        const [request, leave] = waiting[Math.floor(step.which * waiting.length)] ?? [];
        if (!request) return;
        request.hungUp = true;
        leave?.();
        return;
      }
      case 'fail':
        this.#fails = true;
        return;
      case 'change':
        (this.#versions[step.page] as number)++;
        return;
      case 'purge':
        this.#track(this.#purge(step.target, step.soft, step.process));
        return;
      case 'settle':
        return this.#settle();
    }
  }

  async #ask({ caller: index, page, process, method }: Ask): Promise<void> {
    const { site } = this.#schedule;
    const caller = site.callers[index];
    const request: Request = {
      ...{ id: this.#history.requests.length, method, caller: index, page, process },
      ...{ sentAt: this.#now++, clock: this.#clock, hungUp: false },
    };
    this.#history.requests.push(request);
    const { path } = site.pages[page] as Page;
    const fields: [string, string][] = [...fieldsOf(caller as never), ['x-request', `${request.id}`]];
    const answer = await send(this.#servers[process] as Server, method, path, fields, (leave) => {
      this.#leaving.set(request, leave);
    });
    this.#leaving.delete(request);
    request.settledAt = this.#now++;
    if (answer) request.answer = answer;
  }

  async #purge(target: Target, soft: boolean, process: number): Promise<void> {
    this.#versions.forEach((version, i) => {
      if (target.by !== 'url' || target.page === i) this.#versions[i] = version + 1;
    });
    const purge: Purge = { target, soft, process, calledAt: this.#now++, versions: [...this.#versions] };
    this.#history.purges.push(purge);
    const cache = this.#caches[process] as CacheMiddleware;
    await cache.purge(this.#targetOf(target), { soft });
    purge.settledAt = this.#now++;
  }

  #targetOf(target: Target): PurgeTarget {
    if (target.by === 'all') return { all: true };
    if (target.by === 'tag') return { tag: 'model' };
    return { url: `http://model.example${this.#schedule.site.pages[target.page]?.path}` };
  }

  #track(work: Promise<unknown>): void {
    const done = work
      .catch((error) => this.#history.faults.push(String(error)))
      .finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  }

  /** Waits until nothing happens any more, or not at once. */
  async #rest(): Promise<void> {
    for (let calm = 0, count = -1; calm < 8; ) {
      await new Promise(setImmediate);
      calm = activity.count === count ? calm + 1 : 0;
      count = activity.count;
    }
    if (this.#stage.redis) await sleep(Math.random() < 0.5 ? 1 : 0);
  }

  #release(): void {
    this.#free = true;
    for (const release of this.#waiting.splice(0)) release();
  }

  async #settle(): Promise<void> {
    this.#release();
    const late = sleep(20_000, 'late', { ref: false });
    const settled = async (): Promise<void> => {
      while (this.#underWay.size > 0) await Promise.all(this.#underWay);
      await Promise.all(this.#caches.map((cache) => cache.idle()));
    };
    if ((await Promise.race([settled(), late])) === 'late') this.#history.faults.push('not settled in 20 s');
    this.#free = false;
  }
}

const LANGUAGE = {
  locals: (_req: IncomingMessage, { lang }: { lang?: string }, _seen: Seen) => lang,
  field: (req: IncomingMessage, _locals: object, _seen: Seen) => req.headers['accept-language'],
  // Without a trace, since the response says it.
  vary: (_req: IncomingMessage, _locals: object, { language }: Seen) => language,
};

const CACHE_CONTROL: Record<Page['says'], string | undefined> = {
  nothing: undefined,
  public: 'public',
  's-maxage': 's-maxage=20',
  'must-revalidate': 'must-revalidate',
  private: 'private',
  'vary-cookie': undefined,
};
