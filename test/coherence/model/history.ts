/**
 * What happened in one schedule, as the test process saw it. Instants count its events, so that no two are the same:
 * what has a smaller one was known to have happened when the other did.
 */
export interface History {
  readonly seed: number;
  readonly weather: Weather;
  readonly resources: readonly Resource[];
  readonly requests: Request[];
  readonly runs: Run[];
  readonly purges: Purge[];
  readonly ends: End[];
}

/** `calm`: nothing fails, though the network may be slow. `stormy`: everything may fail. */
export type Weather = 'calm' | 'stormy';

/** `WRAP` is no request, but a call of `cache.wrap`. */
export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'WRAP';

/** What the handler answers with: something to store, something never to share, half an answer, or 304. */
export type Kind = 'stores' | 'private' | 'cookie' | 'error' | 'breaks' | 'confirms' | 'changes';

/** One thing that is served at one path. */
export interface Resource {
  readonly name: string;
  /** What it is stored by: its URL, what the `key` option gives, or the key of `cache.wrap`. */
  readonly by: 'url' | 'key' | 'wrap';
  /** Whether its responses vary on `Accept-Language`. */
  readonly varies: boolean;
  /** Milliseconds for which its responses are fresh. They can be confirmed after. */
  readonly ttl?: number;
  /** How they may be used when they are stale, and whoever asks is told so. */
  readonly stale?: 'stale-if-error=60' | 'stale-while-revalidate=60';
  /** Its handler's runs in order, over and over. */
  readonly script: readonly Behaviour[];
}

interface Behaviour {
  readonly kind: Kind;
  readonly ms: number;
  readonly size: number;
  readonly tags: readonly string[];
}

export interface Request {
  readonly id: number;
  readonly method: Method;
  readonly worker: number;
  /** Index of the resource. */
  readonly resource: number;
  readonly language: string;
  readonly sentAt: number;
  /** Whether the client went away before it could be answered. */
  hungUp: boolean;
  settledAt?: number;
  /** How long it took, in milliseconds. */
  ms?: number;
  /** What came; nothing when the connection broke. */
  answer?: Answer;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** What the cache says of itself. */
  readonly cacheStatus: string;
  /** The run that the head says it is from. */
  readonly run: number;
}

/** One run of a handler. */
export interface Run extends Behaviour {
  readonly id: number;
  /** When it had begun; its data were read then. */
  readonly beganAt: number;
  readonly request: number;
  readonly method: Method;
  readonly resource: number;
  readonly language: string;
  /** How often its data had been changed. */
  readonly version: number;
}

export type Target =
  | { readonly by: 'address'; readonly resource: number }
  | { readonly by: 'tag'; readonly tag: string }
  /** All that is stored by URL. */
  | { readonly by: 'prefix' }
  | { readonly by: 'all' }
  /** An unsafe request, which only promises something to those who ask the same process. */
  | { readonly by: 'put'; readonly resource: number };

export interface Purge {
  readonly worker: number;
  readonly target: Target;
  /** Whether what is purged may yet be confirmed, or be used as stale responses may. */
  readonly soft: boolean;
  readonly calledAt: number;
  /** Of each resource, when it was called: the data are changed first. */
  readonly versions: readonly number[];
  settledAt?: number;
  /** Whether it was confirmed. */
  confirmed: boolean;
  ms?: number;
}

/** A process that was killed. */
interface End {
  readonly worker: number;
  readonly at: number;
}

/** What an answer's body is, whole: it says where it comes from at both ends, and everywhere between. */
export function bodyOf(run: {
  readonly id: number;
  readonly resource: number;
  readonly language: string;
  readonly version: number;
  readonly size: number;
}): string {
  const head = `${run.id} resource ${run.resource} in ${run.language}, version ${run.version}\n`;
  return `${head}${`${run.id}.`.repeat(Math.ceil(run.size / 4))}\nend ${run.id}\n`;
}
