import { MAX_LIMIT } from '../entries/paging.ts';
import type { AnyEntry, EntryQuery } from '../entries/types.ts';
import { PurgeError } from '../errors.ts';
import { urlPrefixMatcher } from '../key/key-ids.ts';
import { suggestion } from '../known-names.ts';
import { areTags, MAX_TAGS, TAG_ACCEPTED } from '../options/tags.ts';
import { variantKeyOf } from '../store/ids.ts';
import { UsageError } from './command.ts';
import { checkedId, idsForKey, idsForUrl, isCacheKey, isUrl, parseJson, tagsForUrl } from './ids.ts';
import type { Session } from './redis.ts';

/** The targets of a command: which entries it is about. All commands name them by the same options. */

export const TARGET_OPTIONS = {
  url: { type: 'string', multiple: true },
  key: { type: 'string', multiple: true },
  id: { type: 'string', multiple: true },
  tag: { type: 'string', multiple: true },
  'url-prefix': { type: 'string', multiple: true },
  all: { type: 'boolean' },
} as const;

export const TARGET_HELP = `  --url URL               responses for this URL, and those under keys of a key function for its
                          path. A URL without --url is the same.
  --key KEY               a KEY that ls prints, or the JSON of a key (of a key function, or of a
                          value): '["leads",42]'
  --id ID                 the id of an entry in ls --json
  --tag TAG               entries with this tag
  --url-prefix PREFIX     URLs that begin with https://api.example.com/leads, or with /leads on any
                          host; also entries whose key cannot be read here
  --all                   everything under --prefix`;

type Kind = keyof typeof TARGET_OPTIONS;
const KINDS = Object.keys(TARGET_OPTIONS) as Kind[];

interface Values {
  readonly url?: string[] | undefined;
  readonly key?: string[] | undefined;
  readonly id?: string[] | undefined;
  readonly tag?: string[] | undefined;
  readonly 'url-prefix'?: string[] | undefined;
  readonly all?: boolean | undefined;
}

/** Which entries a command is about. */
export interface Target {
  /** As the user may write it: `--tag leads`. */
  readonly text: string;
  readonly urls: readonly string[];
  /** The ids of cache keys that the command can compute. */
  readonly ids: readonly string[];
  /** The tags that the user names. */
  readonly tags: readonly string[];
  /** The tags under which the responses for a URL are found whose key is of a key function. */
  readonly urlTags: readonly string[];
  readonly prefixes: readonly string[];
  readonly all: boolean;
}

/**
 * The target that options and bare arguments name; `undefined` without any.
 * @throws {UsageError} for a bad value, and for targets of several kinds.
 */
export function parseTarget(values: Values, bare: readonly string[] = []): Target | undefined {
  const named = { ...values };
  for (const text of bare) {
    if (isUrl(text)) named.url = [...(named.url ?? []), text];
    else if (isCacheKey(text) || isJsonKey(text)) named.key = [...(named.key ?? []), text];
    else throw new UsageError(notTarget(text));
  }
  const kinds = KINDS.filter((kind) => named[kind] !== undefined);
  const [kind] = kinds;
  if (kind === undefined) return undefined;
  if (kinds.length > 1)
    throw new UsageError(
      `${kinds.map((one) => `--${one}`).join(' and ')} exclude each other: give one of them`,
    );
  const {
    url: urls = [],
    key = [],
    id = [],
    tag: tags = [],
    'url-prefix': prefixes = [],
    all = false,
  } = named;
  for (const text of urls) checkUrl(text);
  if (!areTags(tags))
    throw new UsageError(`--tag must have ${TAG_ACCEPTED}, and may be given up to ${MAX_TAGS} times`);
  for (const prefix of prefixes) checkPrefix(prefix);
  const given = [...urls, ...key, ...id, ...tags, ...prefixes];
  return {
    text: [`--${kind}`, ...given].join(' '),
    urls,
    ids: [...urls.flatMap(idsForUrl), ...key.flatMap(idsForKey), ...id.map(checkedId)],
    tags,
    // A longer one is found by its ids alone.
    urlTags: urls.flatMap(tagsForUrl).filter((tag) => areTags([tag])),
    prefixes,
    all,
  };
}

/** @throws {UsageError} without a target. */
export function requireTarget(command: string, target: Target | undefined): Target {
  if (target) return target;
  const options = KINDS.map((kind) => `--${kind}`).join(', ');
  throw new UsageError(`${command} needs a URL, or one of ${options}`);
}

function isJsonKey(text: string): boolean {
  return /^[["{]/.test(text) && parseJson(text) !== undefined;
}

/** @throws {UsageError} for anything but an absolute http or https URL. The message says what it may mean. */
export function checkUrl(text: string): void {
  if (isUrl(text)) return;
  const meant = urlMeantBy(text);
  throw new UsageError(meant ? `${notUrl(text)}.${meant}` : notUrl(text));
}

/** Says what to write in place of what is no target. */
function notTarget(text: string): string {
  const problem = notUrl(text);
  if (text.startsWith('/')) return `${problem}: add the host, or use --url-prefix ${text} for all hosts`;
  const meant = urlMeantBy(text) || suggestion(text, KINDS, '--');
  return meant ? `${problem}.${meant}` : `${problem}: for a tag, write --tag TAG`;
}

function notUrl(text: string): string {
  return `${text === '' ? '""' : text} is not a URL that begins with http:// or https://`;
}

/** A sentence, after a space; empty for what looks like no URL. */
function urlMeantBy(text: string): string {
  if (!/^(?:localhost|[\w-]+(?:\.[\w-]+)+)(?::\d+)?(?:\/|$)|^[\w-]+:\d+/.test(text)) return '';
  const scheme = /^(?:localhost|127\.)/.test(text) ? 'http' : 'https';
  return ` Did you mean "${scheme}://${text}"?`;
}

/** @throws {UsageError} */
function checkPrefix(prefix: string): void {
  try {
    urlPrefixMatcher(prefix);
  } catch (error) {
    if (!(error instanceof PurgeError)) throw error;
    throw new UsageError(`--url-prefix is ${prefix}, but must be an absolute URL, or a path such as /leads`);
  }
}

/** The entries of a target, in no order. `query` narrows them further. */
export async function* entriesOf(
  { cache }: Session,
  { ids, tags, urlTags, prefixes, all }: Target,
  query: Pick<EntryQuery, 'search' | 'status'> = {},
  pageSize: number = MAX_LIMIT,
): AsyncGenerator<readonly AnyEntry[], void> {
  const seen = new Set<string>();
  const isNew = ({ id, variant }: AnyEntry): boolean => {
    const ref = variantKeyOf(id, variant);
    return !seen.has(ref) && seen.add(ref) !== undefined;
  };
  const pages = (more: EntryQuery): AsyncGenerator<readonly AnyEntry[], void> =>
    pagesOf(cache, { ...query, ...more, limit: pageSize });
  for (const id of new Set(ids)) yield (await cache.entries.list({ ...query, id })).entries.filter(isNew);
  for (const tag of new Set([...tags, ...urlTags]))
    for await (const page of pages({ tag })) yield page.filter(isNew);
  // Everything may be too much to remember.
  if (all) return yield* pages({});
  const matchers = prefixes.map(urlPrefixMatcher);
  const isUnder = ({ key }: AnyEntry): boolean =>
    key === undefined || matchers.some((matches) => matches(key));
  if (matchers.length > 0)
    for await (const page of pages({})) yield page.filter((entry) => isUnder(entry) && isNew(entry));
}

/** All pages of a list. */
export async function* pagesOf(
  cache: Session['cache'],
  query: EntryQuery,
): AsyncGenerator<readonly AnyEntry[], void> {
  let cursor: string | undefined;
  do {
    const page = await cache.entries.list({ ...query, ...(cursor !== undefined && { cursor }) });
    yield page.entries;
    cursor = page.cursor;
  } while (cursor !== undefined);
}
