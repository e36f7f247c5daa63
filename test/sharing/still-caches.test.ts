import { describe, expect, test } from '@jest/globals';
import { frameworks, type Handler, newCache, serve } from '../support/app.ts';
import { type Asked, ask } from '../support/client.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { redis } from '../support/stores.ts';
import { type Stack, stacks, type Visited } from './support/stacks.ts';

/* A cache that never answers is as wrong as one that answers with another's page: what each middleware costs in runs. */

const REQUESTS = 50;
const CALLERS = 10;

const expresses = frameworks.filter(({ express }) => express);

interface Load {
  readonly runs: number;
  readonly hits: number;
  readonly statuses: Set<number>;
  /** What was said of the last answer. */
  readonly last: string;
}

/** The cookies that a request brings, and what becomes of those that its answer sets. */
interface Cookies {
  of(n: number): string | undefined;
  keep?(n: number, cookie: string): void;
}

/** One request after the other, each when nothing goes on behind the answer to the one before. */
async function load(
  framework: (typeof frameworks)[number],
  { front, behind, page, asked, options }: Stack,
  cookies: Cookies,
): Promise<Load> {
  let runs = 0;
  const cache = newCache({ redis, prefix: uniquePrefix(), ttl: '1h', ...options });
  const handler: Handler = (req, res) => {
    runs++;
    if (page) page(req as unknown as Visited, res);
    else res.end('a page');
  };
  const layers = [...((await front?.()) ?? []), cache as Handler, ...(behind?.() ?? []), handler];
  const port = await serve(framework.app(...layers));
  const statuses = new Set<number>();
  let hits = 0;
  let last = '';
  for (let n = 0; n < REQUESTS; n++) {
    const { Cookie: own, ...fields } = asked?.(n) ?? {};
    const all = [own, cookies.of(n)].filter((text) => text !== undefined).join('; ');
    const request: Asked = { path: '/page', headers: { ...fields, ...(all && { Cookie: all }) } };
    const answer = await ask(port, request);
    await cache.idle();
    const set = answer.header('set-cookie')?.split(';')[0];
    if (set) cookies.keep?.(n, set);
    statuses.add(answer.status);
    last = answer.cacheStatus;
    if (last.startsWith('hit')) hits++;
  }
  return { runs, hits, statuses, last };
}

/** Each caller has a session already. */
const sessions: Cookies = { of: (n) => `sid=${'0123456789abcdef'.repeat(3)}${n % CALLERS}` };
const none: Cookies = { of: () => undefined };

/** Browsers, which keep what they are given. */
function browsers(): Cookies {
  const jars = new Map<number, string>();
  return {
    of: (n) => jars.get(n % CALLERS),
    keep: (n, cookie) => jars.set(n % CALLERS, cookie),
  };
}

const expected = (runs: number, misses: number): object => ({
  runs,
  hits: REQUESTS - misses,
  statuses: new Set([200]),
  last: expect.stringMatching(/^hit/),
});

describe.each(expresses)('$name', (framework) => {
  test.each(stacks)('$name: strangers are answered from the cache', async (stack) => {
    const { strangers = 1 } = stack;
    expect(await load(framework, stack, none)).toEqual(expected(strangers, strangers));
  });

  test.each(stacks.filter(({ callers }) => callers !== 'never'))(
    '$name: callers with sessions are answered from the cache',
    async (stack) => {
      const runs = (stack.callers ?? 2) as number;
      // Each run of a caller is followed by one for a stranger.
      const misses = stack.callerMisses ?? runs / 2;
      expect(await load(framework, stack, sessions)).toEqual(expected(runs, misses));
    },
  );

  test.each(stacks.filter(({ callers }) => callers === 'never'))(
    '$name: what callers with sessions get is not shared',
    async (stack) => {
      const { runs, hits } = await load(framework, stack, sessions);
      expect({ runs, hits }).toEqual({ runs: REQUESTS, hits: 0 });
    },
  );

  test.each(stacks.filter(({ name }) => /session/.test(name)))(
    '$name: browsers that keep their cookies are answered from the cache',
    async (stack) => {
      // The first is a stranger, and the first with a cookie is compared.
      expect(await load(framework, stack, browsers())).toEqual(expected(2, 2));
    },
  );
});
