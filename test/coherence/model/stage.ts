import { setTimeout as sleep } from 'node:timers/promises';
import { Fleet, libraryOf } from './fleet.ts';
import type { History, Weather } from './history.ts';
import { Performance } from './performance.ts';
import type { Asked, Told } from './protocol.ts';
import type { Fault, Schedule } from './schedule.ts';

/** A client has found Redis again after this many milliseconds, on a busy machine too. */
const RECOVERY_MS = 20_000;

/** A fleet on which schedules are performed, one after another in each lane. What befalls a process befalls all lanes. */
export class Stage {
  /** How often each fault was inflicted. */
  readonly faults: Map<Fault['kind'], number> = new Map();
  readonly #lanes: number;
  readonly #weather: Weather;
  readonly #playing = new Map<number, Performance>();
  readonly #repairs = new Set<Promise<unknown>>();
  readonly #lost: string[] = [];
  #fleet: Fleet | undefined;
  #next = 0;
  #redisBusy = false;

  constructor(lanes: number, weather: Weather) {
    this.#lanes = lanes;
    this.#weather = weather;
  }

  async open(): Promise<this> {
    this.#fleet = await Fleet.start(this.#lanes, this.#weather, (_worker, asked) => this.#began(asked));
    return this;
  }

  /** What processes said that have ended by themselves, and which clients have not recovered. */
  get crashes(): string[] {
    return [...(this.#fleet?.workers ?? []).flatMap(({ crash }) => crash ?? []), ...this.#lost];
  }

  async close(): Promise<void> {
    await Promise.all(this.#repairs);
    await this.#fleet?.stop();
  }

  /** Performs what it is given until there is no more. */
  async perform(next: () => Schedule | undefined, onPerformed: (history: History) => void): Promise<void> {
    const fleet = this.#fleet as Fleet;
    const inLane = async (_: unknown, lane: number): Promise<void> => {
      for (let schedule = next(); schedule; schedule = next()) {
        await this.#heal(lane);
        const onFault = (fault: Fault) => this.#inflict(fault, lane);
        const playing = new Performance(this.#next++, schedule, fleet, lane, onFault);
        this.#playing.set(playing.id, playing);
        onPerformed(await playing.perform());
        this.#playing.delete(playing.id);
      }
    };
    await Promise.all(Array.from({ length: this.#lanes }, inLane));
  }

  #began(asked: Asked): Told {
    const playing = this.#playing.get(Number(asked.path.split('/')[2]));
    return playing ? playing.began(asked) : NOBODY;
  }

  /** Waits until Redis answers every worker that is up, so that schedules are not spent on caches that have given up. */
  async #heal(lane: number): Promise<void> {
    if (this.#weather === 'calm') return;
    for (const [number, worker] of (this.#fleet as Fleet).workers.entries()) {
      const startedAt = performance.now();
      for (;;) {
        if (!worker.up) break;
        const { fault } = await worker.purge(lane, { key: 'nothing' });
        if (fault === undefined) break;
        if (performance.now() - startedAt > RECOVERY_MS) {
          this.#lost.push(`${libraryOf(this.#weather, lane, number)} does not find Redis again: ${fault}`);
          break;
        }
        await sleep(20);
      }
    }
  }

  async #inflict(fault: Fault, lane: number): Promise<unknown> {
    const { redis, workers, links } = this.#fleet as Fleet;
    const worker = 'worker' in fault ? workers[fault.worker] : undefined;
    if ((worker && !worker.up) || (!worker && this.#redisBusy)) return;
    this.faults.set(fault.kind, (this.faults.get(fault.kind) ?? 0) + 1);
    switch (fault.kind) {
      case 'cut':
        return links[lane]?.[fault.worker]?.cut();
      case 'hold':
        return links[lane]?.[fault.worker]?.hold(fault.ms);
      case 'stop':
        return worker?.pause(fault.ms);
      case 'kill':
        for (const playing of this.#playing.values()) playing.ended(fault.worker);
        return this.#behind(worker?.replace());
      case 'evict':
        return redis.call('EVAL', EVICT, 0, `lane-${lane}:`, fault.seed).catch(() => {});
      case 'freeze':
        redis.pause();
        this.#redisBusy = true;
        await sleep(fault.ms);
        this.#redisBusy = false;
        return redis.resume();
      case 'restart':
        this.#redisBusy = true;
        await redis.restart();
        this.#redisBusy = false;
    }
  }

  /** Nobody waits for a process to be replaced: the others go on. */
  #behind(work: Promise<unknown> | undefined): void {
    const done = Promise.resolve(work).finally(() => this.#repairs.delete(done));
    this.#repairs.add(done);
  }
}

/**
 * Deletes the log of purges of a lane, and a quarter of its other keys. Indexes of tags stay: Redis says when it has evicted any, and a purge looks at
 * everything then, which is another test's.
 */
const EVICT = `
  math.randomseed(ARGV[2])
  for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
    local isIndex = string.find(key, '{@[^}]') and not string.find(key, '|purged$')
    local isLog = string.find(key, '{@}|purged$')
    if not isIndex and (isLog or math.random() < 0.25) then redis.call('UNLINK', key) end
  end`;

/** What is told to a run that outlived its schedule. */
const NOBODY: Told = {
  run: {
    ...{ id: 0, request: 0, resource: 0, version: 0, method: 'GET', language: '' },
    ...{ kind: 'private', ms: 0, size: 0, tags: [] },
  },
  varies: false,
};
