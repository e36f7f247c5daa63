import { MAX_LIMIT } from '../entries/paging.ts';
import { EXIT, type Io } from './command.ts';
import { formatNumber } from './format.ts';
import type { Session } from './redis.ts';
import { pagesOf, type Target } from './target.ts';
import { escapeUnsafe } from './text.ts';

/** What a command says when nothing is stored that it could show. */

/** How many other prefixes, or keys for the same path, are named. */
const MAX_NAMED = 3;

/**
 * Says on standard error that nothing was found, where the command has looked, and what is stored instead.
 * @param target what was looked for; `undefined` for everything.
 * @param search what the entries had to match beside.
 * @returns the exit code.
 */
export async function reportNothing(
  session: Session,
  io: Io,
  target: Target | undefined,
  search = '',
): Promise<number> {
  const { prefix, place } = session;
  const looked = [target && !target.all ? target.text : '', search].filter(Boolean).join(' ');
  const what = looked === '' ? 'nothing is stored' : `nothing is stored that matches ${escapeUnsafe(looked)}`;
  // Only a hint, which a Redis user may have no permission for.
  const prefixes = await session.redis.prefixes().catch(() => [prefix]);
  const others = prefixes.filter((other) => other !== prefix).slice(0, MAX_NAMED);
  const hints = target ? await pathHints(session, target) : [];
  // The search for prefixes is bounded: among very many other keys it may have missed this one.
  if (hints.length === 0 && !prefixes.includes(prefix)) hints.push(emptyHint(others));
  io.err.write(`${[`${what} under prefix ${place}`, ...hints].join('. ')}\n`);
  return EXIT.nothing;
}

function emptyHint(others: readonly string[]): string {
  if (others.length === 0) return 'To look elsewhere, use --redis URL (or REDIS_URL) and --prefix';
  return `Found responses under ${listed(others)}: use --prefix`;
}

function listed(prefixes: readonly string[]): string {
  const names = prefixes.map((prefix) => `"${escapeUnsafe(prefix)}"`);
  const last = names.pop();
  return names.length > 0 ? `${names.join(', ')} and ${last}` : `${last}`;
}

/** How many pages of the listing a hint looks at; a page is about 5,000 keys of the server. */
const MAX_PAGES = 20;

/** Names the keys that have the path of a URL, with another host, port or query. */
async function pathHints({ cache }: Session, { urls }: Target): Promise<string[]> {
  const [url] = urls;
  if (url === undefined) return [];
  const { pathname } = new URL(url);
  if (pathname === '/') return [];
  const samePath = new RegExp(`//[^/]*${escaped(pathname)}/?(?:\\?|$)`, 'i');
  const keys = new Set<string>();
  let pages = 0;
  for await (const entries of pagesOf(cache, { search: `//*${pathname}`, limit: MAX_LIMIT })) {
    for (const { key } of entries) if (key !== undefined && samePath.test(key)) keys.add(key);
    if (++pages === MAX_PAGES) break;
  }
  if (keys.size === 0) return [];
  if (keys.size > MAX_NAMED)
    return [`${formatNumber(keys.size)} keys have this path: see ls '${escapeUnsafe(pathname)}'`];
  return [
    `Stored for this path: ${[...keys].map((key) => escapeUnsafe(key.replace(/^GET /, ''))).join(', ')}`,
  ];
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
