import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Compression } from '../codec/compression.ts';
import type { SealingKey } from '../codec/encryption.ts';
import type { WarningCode } from '../codes.ts';
import type { RedisOption } from './redis.ts';
import type { KeyPart, QueryRule, TtlByStatus } from './types.ts';
import type { Duration } from './units.ts';

/**
 * The options once parsed: defaults are filled in, durations are milliseconds, sizes are bytes, header field names are
 * lower case, and lists are sets where they are searched. The path of a request validates nothing. Each option has its
 * own name here.
 */

/** A function of the user's that is called for each request or response. It throws an `OptionFailure` and nothing else. */
export type Dynamic<T> = (req: IncomingMessage, res: ServerResponse) => T | Promise<T>;

/** How cache keys are hashed in Redis. */
export type HashName = 'sha1' | 'sha256';

/** The options that `cache.with` may override, and what follows from them. */
export interface Policy {
  readonly mode: 'serve' | 'shadow';
  /** `undefined`: always. */
  readonly enabled: Dynamic<boolean> | undefined;
  readonly when: Dynamic<boolean> | undefined;
  readonly storeWhen: Dynamic<boolean> | undefined;
  readonly methods: ReadonlySet<string>;
  readonly statuses: ReadonlySet<number>;
  /** `lifetimeFor` reads it for each response. */
  readonly ttl: Duration | TtlByStatus | false | Dynamic<Duration | TtlByStatus | false>;
  readonly key: Dynamic<KeyPart | undefined> | undefined;
  readonly vary: {
    readonly headers: readonly string[];
    readonly query: QueryRule;
    /** Whether the query rule was given: then it counts beside a `key` function too. */
    readonly queryDeclared: boolean;
    readonly cookies: readonly string[];
    readonly by: Dynamic<KeyPart> | undefined;
    /** `null` for a stranger. */
    readonly caller: Dynamic<KeyPart> | undefined;
    /** Names that neither select nor count as credentials. */
    readonly ignore: ReadonlySet<string>;
  };
  /** `undefined`: keys are hashed if `encrypt` is set. */
  readonly hashKeys: boolean | undefined;
  readonly maxBodySize: number;
  readonly locals: readonly string[];
  readonly directives: 'follow' | 'ignore' | 'override';
  readonly targeted: readonly string[];
  readonly setCookie: 'refuse' | 'strip' | 'store';
  readonly guard: 'verify' | 'reads' | 'off';
  /** Further fields that name a caller, in lower case. */
  readonly credentials: ReadonlySet<string>;
  /** `collapse: false` sets `wait` to 0. A fill still takes a lease, because purges revoke leases. */
  readonly collapse: { readonly wait: number; readonly lease: number };
  /** The windows of a response that states none. */
  readonly staleWhileRevalidate: number;
  readonly staleIfError: number;
  readonly originTimeout: number | undefined;
  readonly earlyRefresh: boolean;
  /** From 0 to 1. */
  readonly jitter: number;
  /** `tagsOf` reads it for each response. */
  readonly tags: readonly string[] | Dynamic<readonly string[]>;
  readonly compress: Compression | undefined;

  /** Policies with the same object make the same cache key and variant of a request. */
  readonly identity: object;
  /** Whether the cache has the `encrypt` option. */
  readonly encrypted: boolean;
  /** Hash of every key. `undefined`: only keys that are long, not printable ASCII or have braces are hashed (SHA-1). */
  readonly hash: HashName | undefined;
}

/** The options that a cache has once, for all of its middlewares. */
export interface Settings {
  readonly redis: RedisOption | undefined;
  readonly prefix: string;
  readonly name: string;
  readonly timeout: number;
  readonly showKey: boolean;
  /** The warnings that are on. */
  readonly warnings: ReadonlySet<WarningCode>;
  readonly clock: () => number;
  readonly maxEntries: number | undefined;
  readonly invalidation: Invalidation | undefined;
  readonly near: { readonly maxSize: number; readonly ttl: number } | undefined;
  /** Empty where nothing is encrypted. */
  readonly encrypt: readonly SealingKey[];
  readonly refresh: { readonly concurrency: number; readonly timeout: number };
}

/** Which requests may purge by a header field. */
export interface Invalidation {
  readonly header: string;
  /** A function that decides, or a secret and the header field that carries it. */
  readonly authorize: Dynamic<boolean> | { readonly header: string; readonly secret: string };
}
