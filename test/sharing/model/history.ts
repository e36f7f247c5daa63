import type { Site } from './site.ts';

/** What happened in one schedule. Instants count its events; a `clock` is in milliseconds. */
export interface History {
  readonly seed: number;
  readonly site: Site;
  readonly requests: Request[];
  readonly runs: Run[];
  readonly purges: Purge[];
  /** What went wrong besides: errors of the app, faults of the cache. */
  readonly faults: string[];
}

export type Method = 'GET' | 'HEAD';

export interface Request {
  readonly id: number;
  readonly method: Method;
  /** Indexes of the caller, of the page and of the process. */
  readonly caller: number;
  readonly page: number;
  readonly process: number;
  readonly sentAt: number;
  readonly clock: number;
  settledAt?: number;
  answer?: Answer;
  /** Whether the client has gone away before it could be answered. */
  hungUp: boolean;
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
export interface Run {
  readonly id: number;
  readonly page: number;
  readonly method: Method;
  /** The request that it was for, or that the cache made its own from. */
  readonly request: number | undefined;
  /** The credentials that its request had when it came; empty for a stranger. */
  readonly credentials: string;
  /** What the option `vary.caller` says of it. */
  readonly caller: string | null;
  readonly beganAt: number;
  /** Whether it has answered 500. */
  failed: boolean;
  /** Of the data that it has read; `undefined` until it has. */
  version: number | undefined;
  content: string | undefined;
  /** When it has ended, by the cache's clock. */
  endedClock: number | undefined;
}

export type Target =
  | { readonly by: 'url'; readonly page: number }
  | { readonly by: 'tag' }
  | { readonly by: 'all' };

export interface Purge {
  readonly target: Target;
  readonly process: number;
  readonly soft: boolean;
  readonly calledAt: number;
  /** Of each page, when it was called: the data are changed first. */
  readonly versions: readonly number[];
  settledAt?: number;
}
