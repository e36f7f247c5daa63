import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PurgeTarget } from '../../../src/index.ts';
import { CLIENTS } from '../../support/clients.ts';
import { type RedisProcess, startRedis } from '../../support/redis.ts';
import type { Weather } from './history.ts';
import { Link } from './network.ts';
import type { Asked, FromWorker, LaneOptions, Told, ToWorker } from './protocol.ts';
import { WORKERS } from './schedule.ts';

const HOOK = require.resolve('../../support/typescript.cjs');
const SCRIPT = require.resolve('./worker.ts');

const OPTIONS = {
  // Nothing fails, and what is slow is waited for.
  calm: { timeout: '10s', collapse: { wait: '10s' } },
  stormy: { timeout: 50, collapse: { wait: 400, lease: 100 } },
} as const;

/** The processes of a lane have three of these, and share what they store. */
const LIBRARIES = [undefined, ...Object.keys(CLIENTS)];

/** The library of a process in a lane; `undefined` for a URL. */
export function libraryOf(weather: Weather, lane: number, worker: number): string | undefined {
  const library = LIBRARIES[(lane + 2 * worker) % LIBRARIES.length];
  // It may not connect again when a connection is lost while it is being made: docs/clients.md.
  return weather === 'stormy' && library === 'node-redis 5' ? 'node-redis 6' : library;
}

/** A worker has started after this many milliseconds, on a busy machine too. */
const READY_MS = 20_000;

/** Says what a handler that has begun is to do. */
export type OnRun = (worker: number, asked: Asked) => Told;

/** What came of a call. */
export type Done = Pick<Extract<FromWorker, { kind: 'done' }>, 'value' | 'fault'>;

/** Processes that share one Redis, each lane of each over a network of its own. */
export class Fleet {
  readonly redis: RedisProcess;
  readonly workers: readonly Worker[];
  /** By lane, then by worker. */
  readonly links: readonly (readonly Link[])[];

  private constructor(redis: RedisProcess, links: readonly (readonly Link[])[], workers: readonly Worker[]) {
    this.redis = redis;
    this.links = links;
    this.workers = workers;
  }

  static async start(lanes: number, weather: Weather, onRun: OnRun): Promise<Fleet> {
    const redis = await startRedis();
    const linked = (): Promise<Link[]> =>
      Promise.all(Array.from({ length: WORKERS }, () => Link.open(redis.host, redis.port)));
    const links = await Promise.all(Array.from({ length: lanes }, linked));
    const workers = Array.from({ length: WORKERS }, (_, i) => {
      const options = links.map((ofLane, lane) => ({
        ...OPTIONS[weather],
        redis: (ofLane[i] as Link).url,
        prefix: `lane-${lane}:`,
        client: libraryOf(weather, lane, i),
        // What is one too many goes, and its lease with it.
        ...(weather === 'stormy' && lane % 4 === 1 && { maxEntries: 3 }),
      }));
      return new Worker(options, (asked) => onRun(i, asked));
    });
    await Promise.all(workers.map((worker) => worker.start()));
    return new Fleet(redis, links, workers);
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.end()));
    for (const link of this.links.flat()) link.close();
    await this.redis.stop();
  }
}

/** One process of the fleet, and the one that takes its place once it was killed. */
export class Worker {
  agent: Agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  port = 0;
  /** What it said last, if it has ended by itself. */
  crash: string | undefined;
  readonly #lanes: readonly LaneOptions[];
  readonly #onRun: (asked: Asked) => Told;
  readonly #calls = new Map<number, (done: Done) => void>();
  #process: ChildProcess | undefined;
  #call = 0;
  #stopped: Promise<unknown> = Promise.resolve();

  constructor(lanes: readonly LaneOptions[], onRun: (asked: Asked) => Told) {
    this.#lanes = lanes;
    this.#onRun = onRun;
  }

  /** Whether it can be asked. */
  get up(): boolean {
    return this.port !== 0;
  }

  async start(): Promise<void> {
    const script = `require(${JSON.stringify(SCRIPT)})`;
    const child = spawn(process.execPath, ['--require', HOOK, '--eval', script], {
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    this.#process = child;
    let said = '';
    child.stderr?.on('data', (text) => {
      said += text;
    });
    child.once('close', () => {
      if (this.#process === child) this.#ended(said);
    });
    send(child, { kind: 'open', lanes: this.#lanes });
    await new Promise<void>((resolve, reject) => {
      setTimeout(
        () => reject(new Error(`a worker is not ready after ${READY_MS} ms: ${said}`)),
        READY_MS,
      ).unref();
      child.once('exit', () => reject(new Error(`a worker has ended: ${said}`)));
      child.on('message', (message: FromWorker) => {
        if (message.kind === 'began') {
          send(child, { kind: 'run', call: message.call, told: this.#onRun(message.asked) });
        } else if (message.kind === 'done') {
          this.#calls.get(message.call)?.(message);
        } else {
          this.port = message.port;
          resolve();
        }
      });
    });
  }

  purge(lane: number, target: PurgeTarget, soft = false): Promise<Done> {
    return this.#ask((call) => ({ kind: 'purge', call, lane, target, soft }));
  }

  wrap(lane: number, asked: Asked, tags: readonly string[]): Promise<Done> {
    return this.#ask((call) => ({ kind: 'wrap', call, lane, asked, tags }));
  }

  /** Kills it, and starts another in its place. */
  async replace(): Promise<void> {
    if (!this.up) return;
    await this.end();
    await this.start();
  }

  async end(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    this.port = 0;
    if (child && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
    this.#forget();
  }

  /** Has it stand still for a time. */
  async pause(ms: number): Promise<void> {
    const child = this.#process;
    if (!this.up) return;
    child?.kill('SIGSTOP');
    const until = Promise.all([this.#stopped, sleep(ms)]);
    this.#stopped = until;
    await until;
    if (this.#stopped === until) child?.kill('SIGCONT');
  }

  #ask(message: (call: number) => ToWorker): Promise<Done> {
    if (!this.up) return Promise.resolve({ fault: 'down' });
    const call = this.#call++;
    return new Promise((resolve) => {
      this.#calls.set(call, (done) => {
        this.#calls.delete(call);
        resolve(done);
      });
      send(this.#process, message(call));
    });
  }

  /** It has ended by itself, which nothing may make it do. */
  #ended(said: string): void {
    this.port = 0;
    this.crash = said;
    this.#forget();
  }

  #forget(): void {
    this.agent.destroy();
    this.agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
    for (const settle of this.#calls.values()) settle({ fault: 'killed' });
  }
}

/** What a process that is ending does not hear is of no matter. */
function send(child: ChildProcess | undefined, message: ToWorker): void {
  if (child?.connected) child.send(message, () => {});
}
