/**
 * Every code of an error and of a warning, once. The types `ErrorCode` and `WarningCode` are derived from these tables, and
 * docs/errors.md is written from them: `node scripts/errors.mjs`. A test throws or emits each, and compares the example.
 */

/** The codes of errors: `error.code`. */
export const ERRORS = {
  ERR_RRC_OPTION: {
    class: 'OptionError',
    title: 'An option is unknown or has a bad value.',
    meaning:
      'An option of `redisCache()`, `cache.with()` or another function is unknown, malformed, out of bounds, or given where it does not apply. `error.option` is its name. All options are checked before anything connects.',
    example: 'Unknown option "tttl". Did you mean "ttl"?',
    remedy:
      'Write what the message says. docs/options.md lists all options with their types and defaults. A value that may be a secret is shown as `***`.',
  },
  ERR_RRC_ARGUMENT: {
    class: 'ArgumentError',
    title: 'A method was called with something that it cannot work with.',
    meaning:
      'An argument that is not an object of options is wrong: the key or the value of `cache.store`, the targets of `cache.warm()`, the URL of `cache.explain()`, a reference to an entry, the name of an event, or the cache itself. Nothing was read or changed.',
    example: 'explain() needs an absolute URL such as https://example.com/leads, or a request; not "/leads".',
    remedy: 'Write what the message says. The types of the package have the form of each argument.',
  },
  ERR_RRC_PURGE: {
    class: 'PurgeError',
    title: '`cache.purge()` was given no valid target.',
    meaning:
      'A target names exactly one of `key`, `url`, `tag`, `tags`, `prefix` and `all`; `soft` and `onProgress` are in the second argument. Nothing was purged.',
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
  ERR_RRC_SOURCE: {
    class: 'SourceError',
    title: 'A sitemap or an access log could not be read.',
    meaning:
      '`fromSitemap()` or `fromAccessLog()` could not read its file, download its URL, or make sense of what it read. The URLs that were found before are already yielded. `error.cause` has the reason.',
    example: "access log nowhere.log: ENOENT: no such file or directory, open 'nowhere.log'",
    remedy: 'Correct the path or the URL that the message names.',
  },
} as const;

/** The codes of warnings: `warning.code` of a process warning. */
export const WARNINGS = {
  WRN_RRC_MEMORY: {
    title: 'The cache is in the memory of this process.',
    meaning:
      'Without `redis`, responses are stored in this process only: each process has its own, and a restart empties it.',
    example: 'redisCache() has no `redis`: responses are stored in this process only.',
    remedy: "Give the cache a Redis, such as redis: 'redis://localhost:6379'.",
  },
  WRN_RRC_LISTENER: {
    title: 'A listener of an event threw.',
    meaning:
      'The first error of a listener that `cache.on()` added, or its first rejection. Requests and other listeners are not affected; further errors of listeners of this cache are not reported.',
    example: "A listener of 'request' threw: Error: boom",
    remedy: 'Handle errors in the listener.',
  },
} as const;
