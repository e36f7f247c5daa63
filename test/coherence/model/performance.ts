import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PurgeTarget } from '../../../src/index.ts';
import type { Done, Fleet, Worker } from './fleet.ts';
import type { Answer, History, Purge, Request, Resource, Run, Target } from './history.ts';
import { type Asked, HOST, keyOf, type Told } from './protocol.ts';
import { Random } from './random.ts';
import type { Fault, Operation, Schedule } from './schedule.ts';
import { WORKERS } from './schedule.ts';

/** Past this, what is asked or purged counts as never answered. Milliseconds. */
export const BOUND = 10_000;

type Ask = Extract<Operation, { kind: 'ask' }>;

/** One schedule carried out in one lane of a fleet, and its history. */
export class Performance {
  readonly id: number;
  readonly history: History;
  readonly #schedule: Schedule;
  readonly #fleet: Fleet;
  readonly #lane: number;
  readonly #onFault: (fault: Fault) => Promise<unknown>;
  readonly #random: Random;
  readonly #versions: number[];
  /** How many runs each resource has had. */
  readonly #runs: number[];
  readonly #done: Promise<unknown>[] = [];
  #now = 0;

  constructor(
    id: number,
    schedule: Schedule,
    fleet: Fleet,
    lane: number,
    onFault: (fault: Fault) => Promise<unknown>,
  ) {
    const { seed, weather, resources } = schedule;
    this.id = id;
    this.#schedule = schedule;
    this.#fleet = fleet;
    this.#lane = lane;
    this.#onFault = onFault;
    this.#random = new Random(seed + 1);
    this.#versions = resources.map(() => 0);
    this.#runs = resources.map(() => 0);
    this.history = { seed, weather, resources, requests: [], runs: [], purges: [], ends: [] };
  }

  async perform(): Promise<History> {
    const { steps, lag, late } = this.#schedule;
    this.#links.forEach((link, worker) => {
      const most = lag[worker] as number;
      link.lag = most === 0 ? undefined : () => this.#random.next() * most;
      link.beat = late?.worker === worker ? late.ms : undefined;
    });
    const startedAt = performance.now();
    for (const { at, operation } of steps) {
      const early = at - (performance.now() - startedAt);
      if (early > 0) await sleep(early);
      this.#begin(operation);
    }
    await this.#settled();
    // What is left is purged now and then, and that is put to the test as well.
    if (this.#random.chance(0.2))
      this.#track(this.#purge(this.#random.int(0, WORKERS - 1), { by: 'all' }, false));
    await this.#settled();
    return this.history;
  }

  /** A handler has begun. */
  began(asked: Asked): Told {
    const index = this.#resourceAt(asked.path);
    const resource = this.history.resources[index];
    const { method } = asked as { method: Run['method'] };
    if (!resource) throw new Error(`nobody asked for ${asked.path}`);
    const nth = (this.#runs[index] as number)++;
    const behaviour = resource.script[nth % resource.script.length] as Run;
    if (method === 'PUT') (this.#versions[index] as number)++;
    const version = this.#versions[index] as number;
    const { request, language } = asked;
    const etag = `W/"${index}.${language}.${version}"`;
    const kind = method === 'PUT' ? 'changes' : asked.known === etag ? 'confirms' : behaviour.kind;
    const id = this.history.runs.length;
    const run = { ...behaviour, id, request, method, resource: index, language, version, kind };
    this.history.runs.push({ ...run, beganAt: this.#now++ });
    for (const { after, operation, ...when } of this.#schedule.reactions) {
      if (when.resource !== index || when.run !== nth) continue;
      this.#track(sleep(after).then(() => this.#begin(operation)));
    }
    const { varies, ttl, stale } = resource;
    const tags = run.tags.map((tag) => this.#tag(tag));
    const ageing = { ...(ttl !== undefined && { ttl, etag }), ...(stale && { stale }) };
    return { run: { ...run, tags }, varies, ...ageing };
  }

  /** A worker is about to be killed. */
  ended(worker: number): void {
    this.history.ends.push({ worker, at: this.#now++ });
  }

  get #links(): Fleet['links'][number] {
    return this.#fleet.links[this.#lane] as Fleet['links'][number];
  }

  #path(resource?: number): string {
    const name = resource === undefined ? '' : this.history.resources[resource]?.name;
    return `/${this.#lane}/${this.id}/${name}`;
  }

  #resourceAt(path: string): number {
    return Number(path.slice(path.lastIndexOf('-') + 1));
  }

  #track(work: Promise<unknown>): void {
    this.#done.push(work);
  }

  async #settled(): Promise<void> {
    for (let done = this.#done.splice(0); done.length > 0; done = this.#done.splice(0))
      await Promise.all(done);
  }

  #begin(operation: Operation): void {
    if (operation.kind === 'ask') {
      for (const worker of operation.workers) this.#track(this.#ask(worker, operation));
    } else if (operation.kind === 'purge') {
      const { evict } = operation;
      const purged = this.#purge(operation.worker, operation.target, operation.soft);
      this.#track(evict ? purged.then(() => this.#onFault(evict)) : purged);
    } else {
      this.#track(this.#onFault(operation));
    }
  }

  async #ask(worker: number, { method, resource, language, patience }: Omit<Ask, 'workers'>): Promise<void> {
    if (!this.#fleet.workers[worker]?.up) return;
    const id = this.history.requests.length;
    const request: Request = { id, method, worker, resource, language, sentAt: this.#now++, hungUp: false };
    this.history.requests.push(request);
    const startedAt = performance.now();
    const answer = await (method === 'WRAP'
      ? this.#wrapped(request)
      : this.#answered(request, this.#fleet.workers[worker] as Worker, patience));
    request.settledAt = this.#now++;
    request.ms = performance.now() - startedAt;
    if (answer) request.answer = answer;
    if (method === 'PUT' && answer?.status === 200) this.#changed(request);
  }

  #answered(request: Request, { agent, port }: Worker, patience?: number): Promise<Answer | undefined> {
    const { id, method, resource, language } = request;
    const headers = { host: HOST, 'accept-language': language, 'x-request': `${id}` };
    return new Promise((resolve) => {
      const options = { agent, port, path: this.#path(resource), method, headers };
      const sent = get(options, (res) => resolve(read(res)));
      sent.on('error', () => resolve(undefined));
      setTimeout(() => sent.destroy(), BOUND).unref();
      if (patience === undefined) return;
      setTimeout(() => {
        if (request.settledAt !== undefined) return;
        request.hungUp = true;
        sent.destroy();
      }, patience);
    });
  }

  async #wrapped({ id, worker, resource, language }: Request): Promise<Answer | undefined> {
    const asked = { path: this.#path(resource), method: 'WRAP', request: id, language };
    const tags = this.history.resources[resource]?.script[0]?.tags ?? [];
    const done = this.#fleet.workers[worker]?.wrap(
      this.#lane,
      asked,
      tags.map((tag) => this.#tag(tag)),
    );
    const { value } = (await Promise.race([done, this.#never()])) ?? {};
    return value === undefined ? undefined : { status: 200, body: value, cacheStatus: 'wrap', run: -1 };
  }

  #never(): Promise<Done> {
    return sleep(BOUND, { fault: 'never' }, { ref: false });
  }

  /** A successful unsafe request is a purge as well. */
  #changed({ id, worker, resource, settledAt, ms }: Request): void {
    const run = this.history.runs.find(({ request }) => request === id);
    if (!run) return;
    const versions = this.#versions.map((_, i) => (i === resource ? run.version : 0));
    const target = { by: 'put', resource } as const;
    const purge = { worker, target, soft: false, calledAt: run.beganAt, versions, confirmed: true };
    this.history.purges.push({ ...purge, settledAt: settledAt as number, ms: ms as number });
    this.#probe(target);
  }

  async #purge(worker: number, target: Target, soft: boolean): Promise<void> {
    this.#versions.forEach((version, i) => {
      if (!('resource' in target) || target.resource === i) this.#versions[i] = version + 1;
    });
    const purge: Purge = {
      ...{ worker, target, soft, calledAt: this.#now++, confirmed: false },
      versions: [...this.#versions],
    };
    this.history.purges.push(purge);
    const startedAt = performance.now();
    const done = this.#fleet.workers[worker]?.purge(this.#lane, this.#targetOf(target), soft);
    const { fault } = (await Promise.race([done, this.#never()])) ?? {};
    purge.settledAt = this.#now++;
    purge.confirmed = fault === undefined;
    purge.ms = performance.now() - startedAt;
    if (purge.confirmed) this.#probe(target);
  }

  #targetOf(target: Target): PurgeTarget {
    if (target.by === 'all') return { all: true };
    if (target.by === 'prefix') return { prefix: this.#path() };
    if (target.by === 'tag') return { tag: this.#tag(target.tag) };
    const path = this.#path(target.resource);
    const { by } = this.history.resources[target.resource] as Resource;
    return by === 'url' ? { url: `http://${HOST}${path}` } : { key: keyOf(path) };
  }

  /** No other performance's. */
  #tag(name: string): string {
    return `${name}-${this.id}`;
  }

  /** Asks for what was purged, at every process, at once: whoever still has it from before will give it away. */
  #probe(target: Target): void {
    this.history.resources.forEach(({ by }, resource) => {
      if ('resource' in target && target.resource !== resource) return;
      const language = this.#random.pick(['de', 'en']);
      const method = by === 'wrap' ? 'WRAP' : 'GET';
      for (let worker = 0; worker < WORKERS; worker++) {
        this.#track(this.#ask(worker, { kind: 'ask', method, resource, language }));
      }
    });
  }
}

async function read(res: IncomingMessage): Promise<Answer | undefined> {
  try {
    let body = '';
    res.setEncoding('utf8');
    for await (const text of res) body += text;
    const run = Number(res.headers['x-run']);
    return { status: res.statusCode as number, body, cacheStatus: String(res.headers['cache-status']), run };
  } catch {
    return undefined;
  }
}
