import type { CacheOptions, PurgeTarget } from '../../../src/index.ts';
import type { Run } from './history.ts';

/** What a worker process and the test process tell each other. A lane is one cache in each worker, over one prefix. */
export interface LaneOptions extends Pick<CacheOptions, 'prefix' | 'timeout' | 'collapse' | 'maxEntries'> {
  readonly redis: string;
  /** The library of the app's own client, with what that does by default; `undefined` for a URL. */
  readonly client: string | undefined;
}

export type FromWorker =
  | { readonly kind: 'ready'; readonly port: number }
  | { readonly kind: 'began'; readonly call: number; readonly asked: Asked }
  /** What a call of `purge` or `wrap` came to. */
  | { readonly kind: 'done'; readonly call: number; readonly value?: string; readonly fault?: string };

export type ToWorker =
  | { readonly kind: 'open'; readonly lanes: readonly LaneOptions[] }
  | { readonly kind: 'run'; readonly call: number; readonly told: Told }
  | {
      readonly kind: 'purge';
      readonly call: number;
      readonly lane: number;
      readonly target: PurgeTarget;
      readonly soft: boolean;
    }
  | {
      readonly kind: 'wrap';
      readonly call: number;
      readonly lane: number;
      readonly asked: Asked;
      readonly tags: readonly string[];
    };

/** A request that a handler runs for. Its path is `/LANE/PERFORMANCE/RESOURCE`. */
export interface Asked {
  readonly path: string;
  readonly method: string;
  readonly request: number;
  readonly language: string;
  /** Its `If-None-Match`. */
  readonly known?: string;
}

/** What a handler is to do. */
export interface Told {
  readonly run: Omit<Run, 'beganAt'>;
  readonly varies: boolean;
  readonly ttl?: number;
  readonly etag?: string;
  /** How it may be used when it is stale. */
  readonly stale?: string;
}

/** All that is served is asked of this host, whatever port its process listens on. */
export const HOST = 'model.example';

/** What the `key` option gives for a path. */
export function keyOf(path: string): string[] {
  return ['keyed', path];
}
