import type { CacheDetail } from '../observe/outcome.ts';
import { wordOf } from '../observe/reasons.ts';
import type { CacheContext } from './context.ts';
import type { Transaction } from './transaction.ts';

/** What to write, where a response is not shared because of its caller. For `guard` events. */

/** Tells the listeners that a response is not shared because of its caller. @param read what the app has read of them. */
export function reportUnshared(t: Transaction, read: readonly string[], detail: CacheDetail): void {
  const { context, identity } = t;
  const advice = adviceFor(t, read, detail);
  context.reporter.guard({ key: identity.key, read, detail, ...(advice !== undefined && { advice }) });
}

/** Caches whose listeners were told that each response behind the front door sets a cookie. */
const toldOfCookies = new WeakSet<CacheContext>();

/** Tells, once, that a cache in front of the app stores nothing because the app gives each guest a session. */
export function reportCookie(t: Transaction): void {
  const { context, exchange } = t;
  if (exchange.cacheLevel > 0 || exchange.headers.cookie !== undefined || toldOfCookies.has(context)) return;
  toldOfCookies.add(context);
  reportUnshared(t, [], 'set-cookie');
}

function adviceFor(
  { exchange, ownPolicy }: Transaction,
  read: readonly string[],
  detail: CacheDetail,
): string | undefined {
  const { placed } = exchange.optionReads;
  switch (wordOf(detail)) {
    case 'set-cookie':
      return 'The app sets a cookie in its responses to guests, so that none is stored: write session({ saveUninitialized: false }), or mount the cache behind the session: app.use(session(...), cache).';
    case 'varies':
      if (read.length === 0) return undefined;
      return `Where the response does not depend on it, write vary: { ignore: [${read.map((name) => `'${name}'`).join(', ')}] }; where it does, send Cache-Control: no-store.`;
    default: {
      const name = [...placed].find((one) => !read.includes(one));
      const covers =
        name && !ownPolicy.vary.caller ? `What \`key\` or \`when\` reads (${name}) covers nobody. ` : '';
      return `${covers}Where the response is the same for everyone, send Cache-Control: public; where it is the caller's own, name the caller: vary: { caller: (req) => req.user?.id ?? null }.`;
    }
  }
}
