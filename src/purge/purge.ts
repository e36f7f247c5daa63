import type { Storage } from '../entries/storage.ts';
import { summaries } from '../entries/summary.ts';
import { PurgeError, show } from '../errors.ts';
import {
  BOTH_SCHEMES,
  bothSchemesOf,
  hasOwnKeys,
  idsOfKey,
  idsOfUrl,
  urlPrefixMatcher,
} from '../key/key-ids.ts';
import { idOfTag, idOfUrl } from '../key/tags.ts';
import { idOfValue } from '../key/value-key.ts';
import { suggestion } from '../known-names.ts';
import type { PurgeEvent } from '../observe/outcome.ts';
import type { Reporter } from '../observe/reporter.ts';
import type { PurgeOptions, PurgeTarget } from '../options/operations.ts';
import { callable, flag, objectOf, optional } from '../options/parsers.ts';
import type { Policy } from '../options/policy.ts';
import { areTags, TAG_ACCEPTED, TAGS_ACCEPTED } from '../options/tags.ts';
import { Fault } from '../store/fault.ts';
import type { OnStep } from '../store/guard.ts';
import { orThrow } from '../store/or-throw.ts';
import type { PurgeMode } from '../store/store.ts';
import { countingVerbs, faultOr, type PurgeVerbs } from './dry-run.ts';

/** What a purge works with. */
interface PurgeContext extends Storage {
  readonly reporter: Reporter;
}

const TARGETS = ['key', 'url', 'tag', 'tags', 'prefix', 'all'] as const;

type TargetName = (typeof TARGETS)[number];

/** How `purge()` is given an option that belongs in its second argument. */
const SECOND_ARGUMENTS: ReadonlyMap<string, string> = new Map([
  ['soft', '{ soft: true }'],
  ['onProgress', '{ onProgress }'],
  ['dryRun', '{ dryRun: true }'],
]);

/** A purge target with one name and a value that is still to be checked. */
interface Target {
  readonly name: TargetName;
  readonly value: unknown;
}

/**
 * `cache.purge`: purges what an operator names. Resolves to the number of stored responses purged.
 * @throws {PurgeError} for a target that cannot be purged. @throws {StoreError} when Redis does not confirm the purge.
 */
export async function purge(
  context: PurgeContext,
  policies: Iterable<Policy>,
  target: PurgeTarget,
  options: PurgeOptions = {},
): Promise<number> {
  const { name, value } = parseTarget(target);
  const { soft, dryRun, onProgress } = parseOptions('purge', options);
  const mode: PurgeMode = soft ? { staleSince: context.clock() } : 'delete';
  let count = 0;
  const onStep = (purged: number): void => {
    count += purged;
    onProgress?.(count);
  };
  const verbs = dryRun ? countingVerbs(context) : context.store.responses;
  const purges = startPurges(context, verbs, [...policies], name, value, mode, onStep);
  if (dryRun) return orThrow(sumOrFault(await Promise.all(purges)), 'count the entries');
  return orThrow(await reportPurge(context, { by: 'call', target: name, soft }, purges), 'confirm the purge');
}

/**
 * Waits for purges that belong together and emits one `purge` event for all of them.
 * @returns the number of stored responses purged, or the fault of one of the purges.
 */
export async function reportPurge(
  context: PurgeContext,
  event: Omit<PurgeEvent, 'purged' | 'durationMs'>,
  purges: Iterable<Promise<number | Fault>>,
): Promise<number | Fault> {
  const startedAt = performance.now();
  const count = sumOrFault(await Promise.all(purges));
  const durationMs = performance.now() - startedAt;
  context.reporter.purge({ ...event, purged: count instanceof Fault ? undefined : count, durationMs });
  return count;
}

const parseOptions = objectOf({
  soft: { default: false, parse: flag },
  onProgress: { default: undefined, parse: optional(callable<NonNullable<PurgeOptions['onProgress']>>) },
  dryRun: { default: false, parse: flag },
});

/** @throws {PurgeError} unless the target is an object with exactly one name. */
function parseTarget(target: PurgeTarget): Target {
  if (typeof target !== 'object' || target === null || Array.isArray(target))
    throw new PurgeError(
      `purge() needs an object such as { url: 'https://example.com/a' }, not ${show(target)}.`,
    );
  // An inherited property does not name what to purge.
  const named: Partial<Record<string, unknown>> = Object.assign(Object.create(null), target);
  const known: readonly string[] = TARGETS;
  const unknown = Object.keys(named).find((name) => !known.includes(name));
  const call = unknown === undefined ? undefined : SECOND_ARGUMENTS.get(unknown);
  if (call !== undefined) {
    throw new PurgeError(
      `purge() takes "${unknown}" in its second argument: cache.purge({ tag: 'leads' }, ${call}).`,
    );
  }
  if (unknown !== undefined) {
    throw new PurgeError(
      `Unknown target "${unknown}".${suggestion(unknown, known) || ` purge() takes one of ${TARGETS.join(', ')}.`}`,
    );
  }
  const names = TARGETS.filter((name) => named[name] !== undefined);
  const [name] = names;
  if (name === undefined || names.length > 1) {
    const given = names.length === 0 ? 'none' : names.join(', ');
    throw new PurgeError(`purge() needs exactly one of ${TARGETS.join(', ')}; got ${given}.`);
  }
  return { name, value: named[name] };
}

function startPurges(
  context: PurgeContext,
  verbs: PurgeVerbs,
  policies: readonly Policy[],
  name: TargetName,
  value: unknown,
  mode: PurgeMode,
  onStep: OnStep,
): Promise<number | Fault>[] {
  const { hash } = context;
  const purgeIds = (ids: Iterable<string>): Promise<number | Fault>[] =>
    [...new Set(ids)].map((id) => verbs.purge(id, mode));
  // The responses of a URL under keys of the user's own have it as a tag.
  const purgesOfOwnKeys = (url: unknown): Promise<number | Fault>[] =>
    hasOwnKeys(policies)
      ? [purgeTags(context, verbs, new Set(bothSchemesOf(url).map(idOfUrl)), mode, onStep)]
      : [];
  switch (name) {
    case 'key':
      return purgeIds([...idsOfKey(policies, value), idOfValue(value, hash)]);
    case 'url':
      return [...purgeIds(idsOfUrl(policies, value, BOTH_SCHEMES)), ...purgesOfOwnKeys(value)];
    case 'tag':
    case 'tags': {
      const tags = name === 'tag' ? [value] : value;
      if (!areTags(tags)) {
        const accepted = name === 'tag' ? `a string of ${TAG_ACCEPTED}` : TAGS_ACCEPTED;
        throw new PurgeError(`purge(): ${name} must be ${accepted}, not ${show(value)}.`);
      }
      return [purgeTags(context, verbs, new Set(tags.map(idOfTag)), mode, onStep)];
    }
    case 'prefix':
      return [verbs.purgeMatching(urlPrefixMatcher(value), mode, onStep)];
    case 'all':
      if (value !== true) throw new PurgeError(`purge(): all must be true, not ${show(value)}.`);
      return [verbs.purgeMatching(() => true, mode, onStep)];
  }
}

/** Purges by the tags' indexes. Where Redis may have evicted an index, also scans all entries for the tags. */
async function purgeTags(
  context: PurgeContext,
  verbs: PurgeVerbs,
  tags: ReadonlySet<string>,
  mode: PurgeMode,
  onStep: OnStep,
): Promise<number | Fault> {
  const { store } = context;
  // The indexes come first, because their purges also revoke the fills in progress.
  const counts = await Promise.all([...tags].map((tag) => verbs.purgeTag(tag, mode, onStep)));
  const lostIndexes = await store.inventory.mayHaveLostIndexes();
  if (lostIndexes instanceof Fault) return sumOrFault([...counts, lostIndexes]);
  if (lostIndexes) counts.push(await purgeUnindexed(context, verbs, tags, mode, onStep));
  return sumOrFault(counts);
}

/**
 * Purges by single tags that unsafe requests ask for. Where Redis may have evicted an index, all entries are scanned for
 * the tag, too. There may be as many of these purges as requests, so one scan runs at a time, and the next one is for all
 * tags whose purges began meanwhile.
 */
export class TagPurges {
  readonly #context: Storage;
  #scanning: Promise<unknown> = Promise.resolve();
  #next: { readonly tags: Set<string>; readonly scanned: Promise<number | Fault> } | undefined;

  constructor(context: Storage) {
    this.#context = context;
  }

  /** @returns how many stored responses were purged. Those of a scan count for the first tag of the scan. */
  async purge(tag: string): Promise<number | Fault> {
    const { store } = this.#context;
    const count = await store.responses.purgeTag(tag);
    const lostIndexes = count instanceof Fault ? count : await store.inventory.mayHaveLostIndexes();
    if (lostIndexes instanceof Fault) return lostIndexes;
    return sumOrFault(lostIndexes ? [count, await this.#scan(tag)] : [count]);
  }

  async #scan(tag: string): Promise<number | Fault> {
    if (this.#next) {
      this.#next.tags.add(tag);
      const scanned = await this.#next.scanned;
      return scanned instanceof Fault ? scanned : 0;
    }
    const tags = new Set([tag]);
    const scanned = this.#scanning.then(() => {
      this.#next = undefined;
      return purgeUnindexed(this.#context, this.#context.store.responses, tags, 'delete', () => {});
    });
    this.#next = { tags, scanned };
    this.#scanning = scanned.catch(() => {});
    return scanned;
  }
}

/** Scans all entries and purges those that have one of the tags. */
async function purgeUnindexed(
  context: Storage,
  verbs: PurgeVerbs,
  tags: ReadonlySet<string>,
  mode: PurgeMode,
  onStep: OnStep,
): Promise<number | Fault> {
  const { store } = context;
  let sum = 0;
  for await (const step of store.inventory.ids()) {
    const ids = step instanceof Fault ? step : await idsWithTags(context, step, tags);
    if (ids instanceof Fault) return ids;
    const counts = await Promise.all([...ids].map((id) => verbs.purge(id, mode)));
    for (const count of counts) {
      if (count instanceof Fault) return count;
      sum += count;
      onStep(count);
    }
  }
  return sum;
}

/** The tags of an unreadable entry are unknown, so its id is included. */
function idsWithTags(
  context: Storage,
  ids: readonly string[],
  tags: ReadonlySet<string>,
): Promise<ReadonlySet<string> | Fault> {
  return faultOr(async () => {
    const entries = await summaries(context, ids);
    const tagged = entries.filter((entry) => !entry.readable || entry.tags.some((tag) => tags.has(tag)));
    return new Set(tagged.map(({ id }) => id));
  });
}

function sumOrFault(counts: readonly (number | Fault)[]): number | Fault {
  let sum = 0;
  for (const count of counts) {
    if (count instanceof Fault) return count;
    sum += count;
  }
  return sum;
}
