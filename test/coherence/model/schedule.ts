import type { Kind, Method, Resource, Target, Weather } from './history.ts';
import { Random } from './random.ts';

export const WORKERS = 3;
const EVERY_WORKER: readonly number[] = Array.from({ length: WORKERS }, (_, worker) => worker);

/** What is done, and when: milliseconds since the schedule began. */
interface Step {
  readonly at: number;
  readonly operation: Operation;
}

/** What is done so many milliseconds after a resource's run with this number has begun, if it ever does. */
interface Reaction {
  readonly resource: number;
  readonly run: number;
  readonly after: number;
  readonly operation: Operation;
}

export type Operation =
  /** One request at each of these workers, at once. */
  | {
      readonly kind: 'ask';
      readonly method: Method;
      readonly resource: number;
      readonly language: string;
      readonly workers: readonly number[];
      /** After how many milliseconds the clients go away, if they do. */
      readonly patience?: number;
    }
  | PurgeOperation
  | Fault;

/** Changes what the target covers, purges it, and asks everywhere as soon as that is confirmed. */
interface PurgeOperation {
  readonly kind: 'purge';
  readonly worker: number;
  readonly target: Target;
  readonly soft: boolean;
  /** What Redis evicts then. */
  readonly evict?: Fault;
}

export type Fault =
  /** A worker's connections to Redis break, or nothing passes for a time. */
  | { readonly kind: 'cut'; readonly worker: number }
  | { readonly kind: 'hold'; readonly worker: number; readonly ms: number }
  /** A worker ends, or stands still for a time. */
  | { readonly kind: 'kill'; readonly worker: number }
  | { readonly kind: 'stop'; readonly worker: number; readonly ms: number }
  /** Redis evicts some keys, chosen by a seed. */
  | { readonly kind: 'evict'; readonly seed: number }
  /** Redis stands still for a time, or comes back empty. */
  | { readonly kind: 'freeze'; readonly ms: number }
  | { readonly kind: 'restart' };

export interface Schedule {
  readonly seed: number;
  readonly weather: Weather;
  readonly resources: readonly Resource[];
  readonly steps: readonly Step[];
  readonly reactions: readonly Reaction[];
  /** Of each worker: how many milliseconds at most its network holds what it passes. */
  readonly lag: readonly number[];
  /** The worker that is told only every so many milliseconds what Redis has done, if there is one. */
  readonly late: { readonly worker: number; readonly ms: number } | undefined;
}

const LANGUAGES = ['de', 'en'];
const TAGS: readonly string[] = ['red', 'blue'];

export function scheduleOf(seed: number, weather: Weather): Schedule {
  const random = new Random(seed);
  const resources = Array.from({ length: random.pick([1, 1, 2]) }, (_, i) => resourceOf(random, i));
  const steps: Step[] = [];
  const reactions: Reaction[] = [];
  // Now and then a worker is told late what it has done, and meanwhile others undo it.
  const slow = random.pick(EVERY_WORKER);
  const late = random.chance(0.2) ? { worker: slow, ms: random.int(25, 60) } : undefined;
  const lag = late ? 0 : random.pick([0, 0, 2, 6]);
  const purges = late !== undefined || random.chance(0.7);

  resources.forEach((resource, i) => {
    const plan = (operation: Operation, at = random.int(0, 50)): unknown => steps.push({ at, operation });
    plan(burst(random, resource, i, late ? [slow] : everywhere(random)), random.int(0, 10));
    for (let more = random.int(0, 2); more > 0; more--) {
      plan(burst(random, resource, i, random.chance(0.3) ? everywhere(random) : anywhere(random)));
    }
    if (!purges) return;
    for (let more = random.int(late ? 1 : 0, 2); more > 0; more--) {
      const operation = purgeOf(random, resource, i, late && slow);
      const run = random.pick([0, 0, 1, 2]);
      // What happens when a run ends meets what is on its way to the store.
      const end = (resource.script[run]?.ms ?? 0) + random.int(-3, late ? 12 : 6);
      if (weather === 'stormy' && random.chance(0.25)) {
        // What Redis evicts between a purge and the end of the fill under way, the commit does not find.
        const ms = random.int(30, 60);
        resources[i] = {
          ...resource,
          script: resource.script.map((run, nth) => (nth === 0 ? { ...run, ms } : run)),
        };
        const evict: Fault = { kind: 'evict', seed: random.int(1, 1_000_000) };
        reactions.push({ resource: i, run: 0, after: 0, operation: { ...operation, evict } });
        plan(burst(random, resource, i, everywhere(random)), random.int(20, 60));
      } else if (random.chance(0.3)) plan(operation);
      else reactions.push({ resource: i, run, after: Math.max(0, end), operation });
    }
    if (resource.by !== 'wrap' && random.chance(0.15)) plan(unsafe(random, i));
  });
  if (weather === 'stormy') {
    for (let more = random.int(0, 2); more > 0; more--) {
      steps.push({ at: random.int(0, 50), operation: faultOf(random) });
    }
  }
  steps.sort((a, b) => a.at - b.at);
  return {
    seed,
    weather,
    resources,
    steps,
    reactions,
    lag: EVERY_WORKER.map(() => random.int(0, lag)),
    late,
  };
}

function resourceOf(random: Random, index: number): Resource {
  const by = random.pick(['url', 'url', 'key', 'wrap'] as const);
  const plain = random.chance(0.6);
  const ttl = plain || by === 'wrap' || random.chance(0.5) ? undefined : random.int(5, 30);
  const stale = random.pick([undefined, 'stale-if-error=60', 'stale-while-revalidate=60'] as const);
  const tagged = random.chance(0.5);
  // What is confirmed has the tags of whatever confirmed it, and what is wrapped has those of the call.
  const steady = by === 'wrap' || ttl !== undefined ? tagsOf(random, tagged) : undefined;
  const kinds = plain ? PLAIN : by === 'wrap' ? WRAPPED : MIXED;
  return {
    name: `${by}-${index}`,
    by,
    varies: by !== 'wrap' && random.chance(0.3),
    ...(ttl !== undefined && { ttl, ...(stale && { stale }) }),
    script: Array.from({ length: 5 }, () => ({
      kind: random.pick(kinds),
      ms: random.chance(0.1) ? random.int(30, 60) : random.int(0, 20),
      size: random.chance(0.05) ? 60_000 : random.int(0, 500),
      tags: steady ?? tagsOf(random, tagged),
    })),
  };
}

const PLAIN: readonly Kind[] = ['stores'];
const WRAPPED: readonly Kind[] = ['stores', 'stores', 'breaks'];
const MIXED: readonly Kind[] = ['stores', 'stores', 'stores', 'private', 'cookie', 'error', 'breaks'];

function tagsOf(random: Random, tagged: boolean): string[] {
  return tagged ? TAGS.filter(() => random.chance(0.6)) : [];
}

function everywhere(random: Random): number[] {
  return EVERY_WORKER.flatMap((worker) => Array<number>(random.pick([1, 1, 2])).fill(worker));
}

function anywhere(random: Random): number[] {
  return Array.from({ length: random.int(1, 3) }, () => random.pick(EVERY_WORKER));
}

function burst(
  random: Random,
  { by, ttl }: Resource,
  resource: number,
  workers: readonly number[],
): Operation {
  const language = random.pick(LANGUAGES);
  if (by === 'wrap') return { kind: 'ask', method: 'WRAP', resource, language, workers };
  // What a HEAD freshens gets its tags, so it is asked for where all have the same.
  const method = ttl !== undefined && random.chance(0.1) ? 'HEAD' : 'GET';
  const patience = random.chance(0.04) ? random.int(1, 15) : undefined;
  return { kind: 'ask', method, resource, language, workers, ...(patience !== undefined && { patience }) };
}

function unsafe(random: Random, resource: number): Operation {
  const method = random.pick(['POST', 'PUT'] as const);
  const language = random.pick(LANGUAGES);
  return { kind: 'ask', method, resource, language, workers: [random.pick(EVERY_WORKER)] };
}

/** @param not the worker that leaves it to others. */
function purgeOf(random: Random, { by, script }: Resource, resource: number, not?: number): PurgeOperation {
  const worker = random.pick(EVERY_WORKER.filter((worker) => worker !== not));
  return { kind: 'purge', worker, target: targetOf(), soft: random.chance(0.2) };

  function targetOf(): Target {
    if (random.chance(0.1)) return { by: 'all' };
    if (by === 'url' && random.chance(0.15)) return { by: 'prefix' };
    const tags = TAGS.filter((tag) => script.some(({ tags }) => tags.includes(tag)));
    return tags.length > 0 && random.chance(0.6)
      ? { by: 'tag', tag: random.pick(tags) }
      : { by: 'address', resource };
  }
}

function faultOf(random: Random): Fault {
  const worker = random.pick(EVERY_WORKER);
  const chance = random.next();
  if (chance < 0.28) return { kind: 'cut', worker };
  if (chance < 0.58) return { kind: 'hold', worker, ms: random.int(5, 120) };
  if (chance < 0.75) return { kind: 'stop', worker, ms: random.int(10, 150) };
  if (chance < 0.92) return { kind: 'evict', seed: random.int(1, 1_000_000) };
  if (chance < 0.97) return { kind: 'freeze', ms: random.int(20, 150) };
  return chance < 0.985 ? { kind: 'kill', worker } : { kind: 'restart' };
}
