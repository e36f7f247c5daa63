import type { IncomingMessage } from 'node:http';
import type { SentHead } from '../exchange/capture.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { onHead } from '../exchange/on-head.ts';
import { loopbackHost } from '../http/loopback.ts';
import type { Identity } from '../key/identify.ts';
import type { CacheDetail } from '../observe/outcome.ts';
import { wordOf } from '../observe/reasons.ts';
import type { Policy } from '../options/policy.ts';
import { hasGetter, placedValue } from '../sharing/placed.ts';
import type { Warnings } from '../warnings.ts';
import type { ForwardedRequest } from './nested.ts';

/** How many misses of a policy are looked at: what is mounted wrongly shows at the first requests. */
const MAX_MISSES = 100;

/** Where sessions and authentication put what they know of a caller. */
const IDENTITIES = ['session', 'user', 'auth', 'oidc'] as const;

/** The answers that sharing is about, by why they are not stored. A page that is private by its word is none. */
const ABOUT_SHARING: ReadonlySet<string> = new Set([
  'set-cookie',
  'verifying',
  'credentials',
  'depends-on-credentials',
]);

/** So many ports for one path are those of a test client that listens anew for each request. */
const MAX_PORTS = 3;
const MAX_PATHS = 1000;

/** A request at one cache, as far as it is looked at. */
interface CheckedRequest {
  readonly exchange: Exchange;
  /** The path of the URL, without the query: query values may be secret. */
  readonly path: string;
  readonly ownPolicy: Policy;
  readonly identity: Identity;
  readonly refresh: object | undefined;
  readonly inFront: ForwardedRequest | undefined;
}

/** The fill that a cache has begun for a request, as caches behind it find it. */
interface FillInFront {
  /** Where it stores, and the key; `undefined` for a cache in memory, which nothing else stores in. */
  readonly place: string | undefined;
  readonly isFrontDoor: boolean;
}

const fillsInFront = new WeakMap<IncomingMessage, FillInFront>();

/** What is looked at again when the head of the response is known. */
export interface HeadCheck {
  /** Whether no middleware in front knows of callers. */
  readonly isAnonymous: boolean;
  /** Whether `compression()` is in front: it adds `res.flush`. */
  readonly wasWrapped: boolean;
}

/** Looks at the first misses for mistakes in how the cache is mounted. */
export class SetupChecks {
  readonly #warnings: Warnings;
  readonly #place: string | undefined;
  readonly #misses = new WeakMap<Policy, number>();
  /** The loopback ports by which each path has arrived. */
  readonly #portsByPath = new Map<string, Set<string>>();
  #bodiesAbsent = 0;

  /** @param place the Redis and the prefix; `undefined` for a cache in memory. */
  constructor(warnings: Warnings, place: string | undefined) {
    this.#warnings = warnings;
    this.#place = place;
  }

  /** A miss, before the app is called. @returns what `atHead` needs; `undefined` where enough misses were looked at. */
  atMiss(t: CheckedRequest): HeadCheck | undefined {
    const misses = this.#misses.get(t.ownPolicy) ?? 0;
    if (misses >= MAX_MISSES || t.refresh) return undefined;
    this.#misses.set(t.ownPolicy, misses + 1);
    if (!t.ownPolicy.key) {
      this.#checkProxy(t);
      this.#checkPort(t);
    }
    const { req, res } = t.exchange;
    fillsInFront.set(req, { place: this.#placeOf(t), isFrontDoor: t.exchange.cacheLevel === 0 });
    return {
      isAnonymous: identityOn(req) === undefined,
      wasWrapped: Object.hasOwn(res, 'flush'),
    };
  }

  /** @param reason why the response is not stored. @param isRouted whether a route's cache has a part in it. */
  atHead(
    t: CheckedRequest,
    check: HeadCheck,
    head: SentHead,
    reason: CacheDetail | undefined,
    isRouted: boolean,
  ): void {
    const { exchange } = t;
    const encoded = head.headers['content-encoding'] !== undefined;
    if (encoded && !check.wasWrapped && Object.hasOwn(exchange.res, 'flush'))
      this.#warnings.warn(
        'WRN_RRC_COMPRESSION',
        'compression() is mounted behind the cache: compressed bodies are stored, one for each Accept-Encoding.',
      );
    // Behind the front door are all sessions.
    if (isRouted || exchange.cacheLevel === 0 || head.status >= 400) return;
    if (reason !== undefined && !ABOUT_SHARING.has(wordOf(reason))) return;
    const placed = check.isAnonymous ? identityOn(exchange.req) : undefined;
    if (placed !== undefined)
      this.#warnings.warn(
        'WRN_RRC_SESSION',
        `req.${placed} is set behind the cache: sessions and authentication do not run for a hit.`,
        'identity',
      );
  }

  /** A request with a body of which no parser had made `req.body`, so that it has no key. One behind the cache may do so. */
  onBodyAbsent({ req, res }: Exchange): void {
    if (placedValue(req, 'body') !== undefined || ++this.#bodiesAbsent > MAX_MISSES) return;
    onHead(res, () => {
      if (placedValue(req, 'body') === undefined) return;
      this.#warnings.warn(
        'WRN_RRC_BODY_PARSER',
        'A body parser is mounted behind the cache: keys are made before it runs, so requests with a body are not cached.',
      );
    });
  }

  /** A request that a fill of the same middleware, further out, has forwarded. */
  onSecondMount(t: CheckedRequest): void {
    const { inFront, ownPolicy } = t;
    if (inFront?.ownPolicy !== ownPolicy || inFront.exchange.cacheLevel === 0) return;
    this.#warnings.warn(
      'WRN_RRC_MOUNTED_TWICE',
      `A request for ${t.path} meets the same cache twice: the second does nothing.`,
      'same',
    );
  }

  /** A request that may not be filled, since a fill of its key is under way: perhaps that of another cache in front. */
  onBusy(t: CheckedRequest): void {
    const place = this.#placeOf(t);
    const inFront = fillsInFront.get(t.exchange.req);
    if (place !== undefined && inFront?.place === place && !inFront.isFrontDoor)
      this.#warnings.warn(
        'WRN_RRC_MOUNTED_TWICE',
        'A request meets two caches that store under the same keys: give each its own option "prefix", or mount one.',
      );
  }

  #placeOf({ identity }: CheckedRequest): string | undefined {
    return this.#place && `${this.#place} ${identity.key}`;
  }

  #checkProxy({ exchange }: CheckedRequest): void {
    const field = exchange.ignoredProxyField;
    if (field !== undefined)
      this.#warnings.warn(
        'WRN_RRC_TRUST_PROXY',
        `${field} arrives, but Express's "trust proxy" is off: the cache key has the scheme and host of the connection.`,
        'trust proxy',
      );
  }

  #checkPort(t: CheckedRequest): void {
    const { target } = t.exchange;
    const port = target && loopbackHost(target.host)?.port;
    if (port === undefined) return;
    const { path } = t;
    let ports = this.#portsByPath.get(path);
    if (!ports) {
      if (this.#portsByPath.size >= MAX_PATHS) return;
      ports = new Set();
      this.#portsByPath.set(path, ports);
    }
    if (ports.size < MAX_PORTS) ports.add(port);
    if (ports.size === MAX_PORTS)
      this.#warnings.warn(
        'WRN_RRC_TEST_PORTS',
        `${path} arrives at ever new ports of this machine: the port is a part of the cache key, so nothing is a hit.`,
        'ports',
      );
  }
}

/** The first of what sessions and authentication have placed. A getter of theirs is not called. */
function identityOn(req: IncomingMessage): string | undefined {
  return IDENTITIES.find((name) => hasGetter(req, name) || (placedValue(req, name) ?? null) !== null);
}
