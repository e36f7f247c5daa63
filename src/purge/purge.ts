import { PurgeError } from '../errors.ts';
import { idsOfKey, idsOfUrl, urlPrefixMatcher } from '../key/key-ids.ts';
import { idOfTag } from '../key/tags.ts';
import { idOfValue } from '../key/value-key.ts';
import type { PurgeEvent } from '../observe/outcome.ts';
import type { PurgeOptions, PurgeTarget } from '../options/operations.ts';
import { assertKnownKeys } from '../options/parsers.ts';
import type { Policy } from '../options/policy.ts';
import { areTags } from '../options/tags.ts';
import { confirmed } from '../store/confirmed.ts';
import { Fault } from '../store/fault.ts';
import type { PurgeMode } from '../store/store.ts';
import type { Purging } from './purging.ts';
import { purgeTags } from './tag-purge.ts';

const TARGETS = ['key', 'url', 'tag', 'tags', 'prefix', 'all'] as const;

/**
 * Purges what an operator names. Resolves to how many stored responses there were.
 * @throws {PurgeError} for what names nothing. @throws {StoreError} when the store did not confirm it.
 */
export async function purge(
  core: Purging,
  policies: Iterable<Policy>,
  target: PurgeTarget,
  { onProgress }: PurgeOptions = {},
): Promise<number> {
  const mode: PurgeMode = isSoft(target) ? { staleSince: core.clock() } : 'delete';
  let count = 0;
  const onStep = (purged: number): void => {
    count += purged;
    onProgress?.(count);
  };
  const purging = purgesOf(core, [...policies], target, mode, onStep);
  const what = { by: 'call', target: namedIn(target).join(), soft: mode !== 'delete' } as const;
  return confirmed(await told(core, what, purging));
}

/** How many stored responses some purges met together, or the fault of one. Tells the listeners. */
export async function told(
  core: Purging,
  what: Omit<PurgeEvent, 'purged' | 'durationMs'>,
  purging: Iterable<Promise<number | Fault>>,
): Promise<number | Fault> {
  const startedAt = performance.now();
  const counts = await Promise.all(purging);
  const fault = counts.find((count) => count instanceof Fault);
  const purged = counts.reduce<number>((sum, count) => sum + (count instanceof Fault ? 0 : count), 0);
  const durationMs = performance.now() - startedAt;
  core.reporter.purge({ ...what, purged: fault ? undefined : purged, durationMs });
  return fault ?? purged;
}

type Targets = Partial<Record<(typeof TARGETS)[number], unknown>>;

function namedIn(target: Targets): (typeof TARGETS)[number][] {
  return TARGETS.filter((name) => target[name] !== undefined);
}

function purgesOf(
  core: Purging,
  policies: readonly Policy[],
  target: Targets,
  mode: PurgeMode,
  onStep: (purged: number) => void,
): Promise<number | Fault>[] {
  const { store, hash } = core;
  const named = namedIn(target);
  const [name] = named;
  if (named.length !== 1 || name === undefined)
    throw new PurgeError(`purge takes one of ${TARGETS.join(', ')}`);
  const value = target[name];
  switch (name) {
    case 'key':
      return each([...idsOfKey(policies, value), idOfValue(value, hash)]);
    case 'url':
      return each(idsOfUrl(policies, value));
    case 'tag':
    case 'tags': {
      const tags = name === 'tag' ? [value] : value;
      if (!areTags(tags)) throw new PurgeError('purge takes tags that are strings of up to 256 characters');
      return [purgeTags(core, new Set(tags.map(idOfTag)), mode, onStep)];
    }
    case 'prefix':
      return [store.purgeMatching(urlPrefixMatcher(value), mode, onStep)];
    case 'all':
      if (value !== true) throw new PurgeError('purge takes { all: true }');
      return [store.purgeMatching(() => true, mode, onStep)];
  }

  function each(ids: Iterable<string>): Promise<number | Fault>[] {
    return [...new Set(ids)].map((id) => store.purge(id, mode));
  }
}

function isSoft(target: PurgeTarget): boolean {
  if (typeof target !== 'object' || target === null) throw new PurgeError('purge takes an object');
  try {
    assertKnownKeys('purge', target, [...TARGETS, 'soft']);
  } catch {
    throw new PurgeError(`purge takes one of ${TARGETS.join(', ')}, and soft`);
  }
  const { soft = false } = target;
  if (typeof soft !== 'boolean') throw new PurgeError('purge takes soft as a boolean');
  return soft;
}
