import { OptionError } from '../errors.ts';
import { assertKnownKeys } from '../known-names.ts';
import { counterpartOf } from './foreign-names.ts';
import { type Members, ownMember, parseMembers } from './parsers.ts';
import type { Policy, Settings } from './policy.ts';
import { type PolicyName, REMOVED, SCHEMA, type SettingName } from './schema.ts';
import type { CacheOptions, PolicyOptions } from './types.ts';

/** From the options that a user gives to what the cache works by: each is parsed once, by its row in `SCHEMA`. */

/** The options of these names, as the parsed types declare them: a name that one side lacks is a compile error. */
type ParsedPolicy = { readonly [N in PolicyName]-?: Policy[N] };
type ParsedSettings = { readonly [N in SettingName]-?: Settings[N] };

const ALL = Object.keys(SCHEMA);
const POLICY = rowsOf<ParsedPolicy>((name) => isPolicy(name));
const SETTINGS = rowsOf<ParsedSettings>((name) => !isPolicy(name));

/** The cache-wide options of `redisCache(options)`. @throws {OptionError} also for unknown names on either level. */
export function parseSettings(options: CacheOptions): Settings {
  assertOptions(options, ALL);
  const settings: ParsedSettings = parseMembers(SETTINGS, options);
  return Object.freeze(settings);
}

/** The policy of `redisCache(options)`. @throws {OptionError} */
export function parsePolicy(options: CacheOptions): Policy {
  return complete(parseMembers(POLICY, options), {}, ownMember(options, 'encrypt') !== undefined);
}

/** The policy of `cache.with(overrides)`. @throws {OptionError} */
export function refinePolicy(policy: Policy, overrides: PolicyOptions): Policy {
  assertOptions(overrides, Object.keys(POLICY));
  const rows = rowsOf<Partial<ParsedPolicy>>((name) => Object.hasOwn(overrides, name));
  const makesKeys = Object.keys(rows).some((name) => SCHEMA[name as PolicyName].makesKeys);
  const refined = { ...policy, ...parseMembers(rows, overrides) };
  return complete(refined, makesKeys ? {} : policy.identity, policy.encrypted);
}

/** Applies the rules that span options, and adds what follows from several of them. */
function complete(options: ParsedPolicy, identity: object, encrypted: boolean): Policy {
  const { methods, key, hashKeys = encrypted } = options;
  const unkeyed = [...methods].find((method) => method !== 'GET' && method !== 'HEAD' && !key);
  if (unkeyed !== undefined)
    throw new OptionError('methods', unkeyed, 'GET or HEAD, unless `key` covers the request body');
  const hash = encrypted ? 'sha256' : 'sha1';
  return Object.freeze({ ...options, identity, encrypted, hash: hashKeys ? hash : undefined });
}

/** Refuses unknown options; of known ones, those that are out of place and those that were removed. */
function assertOptions(options: object, known: readonly string[]): void {
  for (const name of Object.keys(options ?? {})) {
    if (Object.hasOwn(REMOVED, name))
      throw new OptionError(name, `Option "${name}" was removed. ${REMOVED[name]}`);
    if (ALL.includes(name) && !known.includes(name))
      throw new OptionError(
        name,
        `Option "${name}" is cache-wide: give it to redisCache(), not to cache.with().`,
      );
    const counterpart = counterpartOf(name);
    if (counterpart !== undefined && !ALL.includes(name))
      throw new OptionError(name, `Unknown option "${name}". Here it is ${counterpart}.`);
  }
  assertKnownKeys('', options, known);
}

function isPolicy(name: string): boolean {
  return SCHEMA[name as PolicyName].level === 'policy';
}

function rowsOf<T>(isWanted: (name: string) => boolean): Members<T> {
  const rows: object = Object.fromEntries(Object.entries(SCHEMA).filter(([name]) => isWanted(name)));
  return rows as Members<T>;
}
