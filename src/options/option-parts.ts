import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duration, Size } from './units.ts';

/** Options that have parts: what each part is. */

/** How requests for a response that is being made wait for it (option `collapse`). */
export interface CollapseOptions {
  /** How long a request waits at most; then it is forwarded. @default '10s' */
  readonly wait?: Duration;
  /**
   * For how long a fill takes the right to store what it makes; it is renewed for as long as the app works, so it is how
   * long a process that died is waited for. From 100 milliseconds to 30 seconds.
   * @default '5s'
   */
  readonly lease?: Duration;
}

/** How much is kept in this process, and for how long (option `near`). */
export interface NearOptions {
  /** Bytes of the stored responses kept, with what it takes to keep them; what was used least lately goes first. @default '64mb' */
  readonly maxSize?: Size;
  /** How long one is used without asking Redis again. From 1 millisecond to 1 hour. @default '10s' */
  readonly ttl?: Duration;
}

/** Bounds of the requests that the cache itself makes (option `refresh`). */
export interface RefreshOptions {
  /** How many are under way at once, in this process. @default 8 */
  readonly concurrency?: number;
  /** How long one may take before it is given up. From 1 millisecond to 1 hour. @default '30s' */
  readonly timeout?: Duration;
}

/**
 * A request that brings `header` with the value `invalidate` purges what is stored for its own key, with `invalidate-all`
 * everything, and is answered `{"purged": N}`. The field is taken away from every request; one that may not purge is
 * an ordinary request.
 */
export interface InvalidationOptions {
  /** The name of the field, such as `X-Cache-Invalidate`. */
  readonly header: string;
  /** Whether this request may: a function, or a secret of at least 16 characters and the field that brings it. */
  readonly authorize:
    | ((req: IncomingMessage, res: ServerResponse) => boolean | Promise<boolean>)
    | { readonly header: string; readonly secret: string };
}
