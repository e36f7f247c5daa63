/**
 * Every code of an error and of a warning, and what each means. docs/errors.md is written from these tables:
 * `node scripts/errors.mjs`. A test throws or emits each, and compares the example. The codes are types of their own, so that
 * the texts are no part of the declarations.
 */

/** The code of an error of this package: `error.code`. docs/errors.md lists all. */
export type ErrorCode =
  | 'ERR_RRC_OPTION'
  | 'ERR_RRC_ARGUMENT'
  | 'ERR_RRC_PURGE'
  | 'ERR_RRC_STORE'
  | 'ERR_RRC_DEPENDENCY'
  | 'ERR_RRC_SOURCE';

/** The code of a warning: of a `warning` event, or of a process warning. docs/errors.md lists all. */
export type WarningCode =
  | 'WRN_RRC_MEMORY'
  | 'WRN_RRC_MILLISECONDS'
  | 'WRN_RRC_SESSION'
  | 'WRN_RRC_TRUST_PROXY'
  | 'WRN_RRC_BODY_PARSER'
  | 'WRN_RRC_COMPRESSION'
  | 'WRN_RRC_MOUNTED_TWICE'
  | 'WRN_RRC_ENCRYPT'
  | 'WRN_RRC_TEST_PORTS'
  | 'WRN_RRC_LISTENER';

/** What docs/errors.md says of a code. */
interface Description {
  readonly title: string;
  readonly meaning: string;
  /** The message of one case. */
  readonly example: string;
  readonly remedy: string;
}

export const ERRORS: Readonly<Record<ErrorCode, Description & { readonly class: string }>> = {
  ERR_RRC_OPTION: {
    class: 'OptionError',
    title: 'An option is unknown or has a bad value.',
    meaning:
      'An option of `redisCache()`, `cache.with()` or another function is unknown, malformed, out of bounds, or given where it does not apply. `error.option` is its name. All options are checked before anything connects.',
    example: 'Unknown option "tttl". Did you mean "ttl"?',
    remedy:
      'Change it as the message says. docs/options.md lists all options with their types and defaults. A value that may be a secret is shown as `***`.',
  },
  ERR_RRC_ARGUMENT: {
    class: 'ArgumentError',
    title: 'A method was called with something that it cannot work with.',
    meaning:
      'An argument is wrong: the key or the value of `cache.store`, the targets of `cache.warm()`, the URL of `cache.explain()`, a reference to an entry, the name of an event, or the cache itself. Nothing was read or changed.',
    example: 'explain() needs an absolute URL such as https://example.com/leads, or a request; not "/leads".',
    remedy: "Change it as the message says. The package's types show each argument's form.",
  },
  ERR_RRC_PURGE: {
    class: 'PurgeError',
    title: '`cache.purge()` was given no valid target.',
    meaning:
      'A target names exactly one of `key`, `url`, `tag`, `tags`, `prefix` and `all`; `soft`, `dryRun` and `onProgress` are in the second argument. Nothing was purged.',
    example: 'purge() needs exactly one of key, url, tag, tags, prefix, all; got none.',
    remedy: 'Name one target, such as `{ tag: "leads" }`. docs/purging.md says which to choose.',
  },
  ERR_RRC_STORE: {
    class: 'StoreError',
    title: 'Redis did not confirm a call.',
    meaning:
      'Redis is unreachable, too slow, or refuses the command, so a method such as `cache.purge()` could not do what it was called for. `error.cause` has the reason. Requests never end in this error: the app answers them.',
    example: 'Redis did not confirm the purge: Redis cannot be reached',
    remedy:
      'Make Redis reachable, and call again: what a call may have done in part, it does again. docs/operations.md lists what Redis must allow.',
  },
  ERR_RRC_DEPENDENCY: {
    class: 'DependencyError',
    title: 'A package is not installed.',
    meaning:
      'The option `redis` is a URL, and none of ioredis, iovalkey and node-redis is installed; or it is options of ioredis or the nodes of a Cluster, and neither ioredis nor iovalkey is. They are optional peer dependencies: without Redis, and with a client of your own, none is needed.',
    example: 'The option "redis" needs a client: npm install ioredis, or redis, or iovalkey',
    remedy:
      'Run npm install ioredis, or give the option a client of your own. A server that is bundled into one file (esbuild, webpack) passes its own client: the bundler finds `new Redis(url)` of the app, but not the ioredis that this package loads.',
  },
  ERR_RRC_SOURCE: {
    class: 'SourceError',
    title: 'A sitemap or an access log could not be read.',
    meaning:
      '`fromSitemap()` or `fromAccessLog()` could not read its file, download its URL, or make sense of what it read. The URLs that were found before are already yielded. `error.cause` has the reason.',
    example: "access log nowhere.log: ENOENT: no such file or directory, open 'nowhere.log'",
    remedy: 'Correct the path or the URL that the message names.',
  },
};

export const WARNINGS: Readonly<Record<WarningCode, Description>> = {
  WRN_RRC_MEMORY: {
    title: 'The cache is in the memory of this process.',
    meaning:
      'The option `redis` is `undefined`, for example because an environment variable is not set; or it is left out while `NODE_ENV` is `production`. Each process has its own stored responses, and a restart loses them.',
    example: 'Option "redis" is undefined: responses are stored in this process only.',
    remedy:
      "Give the cache a Redis, such as redis: 'redis://localhost:6379', or leave the option out in development.",
  },
  WRN_RRC_MILLISECONDS: {
    title: 'A lifetime is a small number of milliseconds.',
    meaning:
      'A plain number is a number of milliseconds. A lifetime from 10 to 999 milliseconds is rarely meant; most other packages count in seconds.',
    example: 'Option "ttl" is 300, which is 300 milliseconds: write \'300s\' for seconds.',
    remedy: "Write the unit: '300s', '5m'. If milliseconds are meant, write '300ms'.",
  },
  WRN_RRC_SESSION: {
    title: 'A session or authentication is mounted behind the cache.',
    meaning:
      'Middleware behind the cache has set `req.session`, `req.user`, `req.auth` or `req.oidc` for a response that could be stored. A hit runs nothing behind the cache: it sets no cookie, prolongs no session and rejects nobody. What is made for a caller is not shared (option `guard`), so such pages are rarely hits.',
    example: 'req.session is set behind the cache: sessions and authentication do not run for a hit.',
    remedy: 'Mount sessions and authentication in front of the cache: docs/mounting.md shows the order.',
  },
  WRN_RRC_TRUST_PROXY: {
    title: "A proxy forwards requests, and Express's `trust proxy` is off.",
    meaning:
      '`X-Forwarded-Proto` or `X-Forwarded-Host` names another scheme or host than the connection, and the app does not trust it. So the app and the cache key take the scheme and the host from the connection: links in stored pages may begin with http://, and purges by URL may name other keys.',
    example:
      'X-Forwarded-Proto arrives, but Express\'s "trust proxy" is off: the cache key has the scheme and host of the connection.',
    remedy: "Write app.set('trust proxy', 1) for one proxy: docs/behind-a-proxy.md has the other cases.",
  },
  WRN_RRC_BODY_PARSER: {
    title: 'A body parser is mounted behind a cache of requests with a body.',
    meaning:
      'The option `methods` has a method such as POST, and the option `key` reads the body, but no body parser has run when the key is made. Such requests are forwarded (`detail=body-unread`).',
    example:
      'A body parser is mounted behind the cache: keys are made before it runs, so requests with a body are not cached.',
    remedy: 'Mount the body parser in front of the cache: app.use(express.json(), cache).',
  },
  WRN_RRC_COMPRESSION: {
    title: '`compression()` is mounted behind the cache.',
    meaning:
      'The cache stores what `compression()` has made: one compressed variant for each value of `Accept-Encoding`, each by a run of the app. With `compress: true` such a body is not compressed once more.',
    example:
      'compression() is mounted behind the cache: compressed bodies are stored, one for each Accept-Encoding.',
    remedy:
      'Mount compression() in front of the cache, or leave it out and write compress: true: docs/compression.md compares them.',
  },
  WRN_RRC_MOUNTED_TWICE: {
    title: 'A request meets one cache twice.',
    meaning:
      'The same middleware is mounted twice on the path of a request, or two calls of `redisCache()` store under one prefix and key. The second costs time and does nothing. A route with `cache.with()` behind `app.use(cache)` is fine.',
    example: 'A request for /leads meets the same cache twice: the second does nothing.',
    remedy: 'Mount the cache once. For other options on a route, write cache.with({ ... }) there.',
  },
  WRN_RRC_ENCRYPT: {
    title: 'Caches with different `encrypt` store in one place.',
    meaning:
      'Two caches of this process have the same prefix on the same Redis and only one of them encrypts, or a stored response was found that this cache cannot read. Each cache counts what the other has stored as a miss, and replaces it.',
    example:
      'Two caches have one prefix on one Redis, and only one has `encrypt`: each counts what the other stores as a miss.',
    remedy: 'Give all of them the same `encrypt`, or each its own `prefix`.',
  },
  WRN_RRC_TEST_PORTS: {
    title: 'A test client uses a new port for each request.',
    meaning:
      'One path has arrived at three ports of this machine. A test client such as supertest, given an app, listens on a new port for each request. The host is a part of the cache key and has the port, so no request is a hit.',
    example:
      '/leads arrives at ever new ports of this machine: the port is a part of the cache key, so nothing is a hit.',
    remedy: 'Listen once, and give the test client the server: docs/testing.md shows how.',
  },
  WRN_RRC_LISTENER: {
    title: 'A listener of an event threw.',
    meaning:
      'The first error of a listener that `cache.on()` added, or its first rejection. Requests and other listeners are not affected; further errors of listeners of this cache are not reported.',
    example: "A listener of 'request' threw: Error: boom",
    remedy: 'Handle errors in the listener.',
  },
};
