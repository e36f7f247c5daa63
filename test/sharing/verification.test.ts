import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import type { CacheOptions } from '../../src/index.ts';
import { type Framework, frameworks, guardEvents, type Handler, newCache, serve } from '../support/app.ts';
import { type Answer, type Asked, ask } from '../support/client.ts';
import { Gate } from '../support/gate.ts';
import { settled } from '../support/stores.ts';
import { until } from '../support/until.ts';

/*
 * A request with credentials is answered by what is stored once the app was seen to give such a request what it gives a
 * stranger. Until then it gets a run of its own.
 */

interface Run {
  readonly url: string;
  readonly cookie: string | undefined;
}

interface Stage {
  readonly cache: ReturnType<typeof newCache>;
  readonly port: number;
  readonly runs: Run[];
  /** How many requests have come to the cache. */
  arrived(): number;
  /** Asks, and waits until nothing goes on behind the answer. */
  get(asked?: Asked): Promise<Answer>;
}

/** What an app knows of its callers by a channel that nothing sees. */
const visitors = new WeakMap<object, string>();
const front: Handler = (req, _res, next) => {
  visitors.set(req, req.headers.cookie ?? 'nobody');
  next();
};
const forAll: Handler = (_req, res) => res.end('for all');
const forOne: Handler = (req, res) => res.end(`for ${visitors.get(req)}`);

async function stage(
  page: Handler,
  options: CacheOptions = {},
  { app }: Pick<Framework, 'app'> = frameworks[0] as Framework,
): Promise<Stage> {
  const cache = newCache({ ttl: '1h', ...options });
  const runs: Run[] = [];
  const counting: Handler = (req, res, next) => {
    runs.push({ url: req.url, cookie: cookieOf(req) });
    return page(req, res, next);
  };
  let arrived = 0;
  const arriving: Handler = (_req, _res, next) => {
    arrived++;
    next();
  };
  const port = await serve(app(arriving, front, cache as unknown as Handler, counting));
  const get = async (asked: Asked = {}): Promise<Answer> => {
    const answer = await ask(port, asked);
    await cache.idle();
    return answer;
  };
  return { cache, port, runs, get, arrived: () => arrived };
}

/** Without the app's reading it. */
const cookieOf = (req: IncomingMessage): string | undefined => {
  const known = visitors.get(req);
  return known === 'nobody' ? undefined : known;
};

/** A session's cookie: an id, too long to tell a kind of caller. */
const session = (name: string) => ({ headers: { Cookie: `sid=${name.repeat(12)}` } });
const [ann, bob] = [session('ann'), session('bob')];
const bearer: Asked = { headers: { Authorization: 'Bearer a-token' } };
/** What `forOne` answers. */
const ownAnswer = ({ headers }: Asked): string =>
  `for ${(headers as { Cookie?: string } | undefined)?.Cookie ?? 'nobody'}`;
const HIT = expect.stringMatching(/^hit; ttl=\d+$/);

describe.each(frameworks)('$name', (framework) => {
  test('the app gives a caller what it gives a stranger: two runs, and hits for callers of that kind and for strangers', async () => {
    const { get, runs } = await stage(forAll, {}, framework);
    expect(await get(ann)).toMatchObject({ body: 'for all', cacheStatus: 'fwd=uri-miss; detail=verifying' });
    expect(runs.map(({ cookie }) => cookie)).toEqual([ann?.headers.Cookie, undefined]);
    for (const asked of [ann, bob, {}, ann])
      expect(await get(asked)).toMatchObject({ body: 'for all', cacheStatus: HIT });
    expect(runs).toHaveLength(2);
  });

  test('the app gives each caller another answer: each gets the own one, and strangers are given theirs', async () => {
    const { get, runs, cache } = await stage(forOne, {}, framework);
    const events = guardEvents(cache);
    expect(await get(ann)).toMatchObject({ cacheStatus: 'fwd=uri-miss; detail=verifying' });
    for (const asked of [ann, bob, ann]) {
      expect(await get(asked)).toMatchObject({
        body: `for ${asked.headers.Cookie}`,
        cacheStatus: 'fwd=vary-miss; detail=depends-on-credentials',
      });
    }
    expect(await get()).toMatchObject({ body: 'for nobody', cacheStatus: HIT });
    expect(runs.filter(({ cookie }) => cookie === undefined)).toHaveLength(1);
    expect(events).toEqual([expect.objectContaining({ read: [], detail: 'depends-on-credentials' })]);
  });
});

test('a stranger has stored it: the first caller of a kind gets a run of the own, which is compared, and the next are hits', async () => {
  const { get, runs } = await stage(forAll);
  await get();
  expect(await get(ann)).toMatchObject({ cacheStatus: 'fwd=vary-miss; detail=verifying' });
  for (const asked of [bob, ann, {}]) expect(await get(asked)).toMatchObject({ cacheStatus: HIT });
  expect(runs).toHaveLength(2);
});

test('each kind of caller is compared for itself: one that gets the same says nothing of another', async () => {
  const page: Handler = (req, res) => res.end(visitors.get(req)?.includes('admin') ? 'tools' : 'for all');
  const { get } = await stage(page);
  const [user, admin] = ['user', 'admin'].map((role): Asked => ({ headers: { Cookie: `role=${role}` } }));
  await get();
  await get(user);
  expect(await get(user)).toMatchObject({ body: 'for all', cacheStatus: HIT });
  expect(await get(admin)).toMatchObject({ body: 'tools', cacheStatus: 'fwd=vary-miss; detail=verifying' });
  expect(await get(admin)).toMatchObject({
    body: 'tools',
    cacheStatus: expect.stringMatching(/depends-on-credentials$/),
  });
  expect(await get(bearer)).toMatchObject({
    body: 'for all',
    cacheStatus: 'fwd=vary-miss; detail=verifying',
  });
  expect(await get(user)).toMatchObject({ body: 'for all', cacheStatus: HIT });
});

test('the app turns strangers away: nothing is stored, and after the first question callers pass at once', async () => {
  const page: Handler = (req, res) => {
    if (visitors.get(req) === 'nobody') res.statusCode = 401;
    res.end(res.statusCode === 401 ? 'log in' : 'for members');
  };
  const { get, runs } = await stage(page);
  expect(await get(ann)).toMatchObject({
    body: 'for members',
    cacheStatus: 'fwd=uri-miss; detail=verifying',
  });
  for (const asked of [ann, bob]) {
    expect(await get(asked)).toMatchObject({
      body: 'for members',
      cacheStatus: 'fwd=uri-miss; detail=depends-on-credentials',
    });
  }
  expect(await get()).toMatchObject({ status: 401 });
  expect(runs.filter(({ cookie }) => cookie === undefined)).toHaveLength(2);
});

test('a credential that the app reads needs no second run, and is named', async () => {
  const { get, runs, cache } = await stage((req, res) => res.end(`for ${req.headers.cookie}`));
  const events = guardEvents(cache);
  expect(await get(ann)).toMatchObject({
    cacheStatus: 'fwd=uri-miss; detail="depends-on-credentials: cookie"',
  });
  expect(await get(bob)).toMatchObject({ body: `for ${bob.headers.Cookie}` });
  expect(runs.filter(({ cookie }) => cookie === undefined)).toEqual([]);
  expect(events[0]).toMatchObject({ read: ['cookie'], detail: 'depends-on-credentials: cookie' });
});

describe('at once, for what nobody has asked for yet', () => {
  const crowd = (count: number, of: (i: number) => Asked): Asked[] =>
    Array.from({ length: count }, (_, i) => of(i));

  /** Asks while the handler is held, and lets it go on when all requests have come to the cache. */
  async function atOnce(page: Handler, asked: readonly Asked[]): Promise<{ answers: Answer[]; runs: Run[] }> {
    const gate = new Gate();
    const { port, runs, cache, arrived } = await stage(async (req, res, next) => {
      await gate.opened;
      page(req, res, next);
    });
    const asking = asked.map((one) => ask(port, one));
    await until(() => runs.length > 0 && arrived() === asked.length);
    await settled();
    gate.open();
    const answers = await Promise.all(asking);
    await cache.idle();
    return { answers, runs };
  }

  test('forty callers of one kind: two runs, where the app gives all the same', async () => {
    const { answers, runs } = await atOnce(
      forAll,
      crowd(40, (i) => session(`visitor-${i}-`)),
    );
    expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(['for all']));
    expect(runs).toHaveLength(2);
  });

  test('forty strangers: one run', async () => {
    const { runs } = await atOnce(
      forAll,
      crowd(40, () => ({})),
    );
    expect(runs).toHaveLength(1);
  });

  test('forty callers, where the app gives each another answer: each gets the own one', async () => {
    const asked = crowd(40, (i) => session(`visitor-${i}-`));
    const { answers, runs } = await atOnce(forOne, asked);
    expect(answers.map(({ body }) => body)).toEqual(asked.map(ownAnswer));
    expect(runs.filter(({ cookie }) => cookie === undefined)).toHaveLength(1);
  });

  test('strangers and callers, where the app tells them apart: each gets the own answer', async () => {
    const asked = crowd(40, (i) => (i % 2 ? session(`visitor-${i}-`) : {}));
    const { answers } = await atOnce(forOne, asked);
    expect(answers.map(({ body }) => body)).toEqual(asked.map(ownAnswer));
  });
});

test('what is confirmed is compared again behind a hit now and then: a difference ends it at once', async () => {
  let personal = false;
  const { get, runs } = await stage((req, res, next) => (personal ? forOne : forAll)(req, res, next));
  await get();
  await get(ann);
  personal = true;
  let hits = 0;
  while ((await get(ann)).body === 'for all' && hits < 200) hits++;
  expect(hits).toBeLessThanOrEqual(64);
  expect(await get(ann)).toMatchObject({
    body: `for ${ann.headers.Cookie}`,
    cacheStatus: 'fwd=vary-miss; detail=depends-on-credentials',
  });
  // A stranger was asked anew, since the data may have changed for all.
  expect(await get()).toMatchObject({ body: 'for nobody', cacheStatus: HIT });
  expect(runs.length).toBeLessThanOrEqual(7);
});

test('a confirmation lasts over a refresh behind the answer', async () => {
  let now = Date.now();
  const options: CacheOptions = { ttl: '1m', staleWhileRevalidate: '1h', clock: () => now };
  const { get, runs } = await stage(forAll, options);
  await get(ann);
  now += 70_000;
  expect(await get(ann)).toMatchObject({ cacheStatus: 'hit; ttl=-10; detail=stale-while-revalidate' });
  expect(await get(bob)).toMatchObject({ cacheStatus: HIT });
  expect(runs.map(({ cookie }) => cookie)).toEqual([ann.headers.Cookie, undefined, undefined]);
});

test('the question of a stranger has all fields of the request but the credentials that nothing declares', async () => {
  const seen: (readonly string[])[] = [];
  const watching: Handler = (req, _res, next) => {
    seen.push(req.rawHeaders);
    next();
  };
  const cache = newCache({ ttl: '1h', vary: { headers: ['X-Tenant'], cookies: ['theme'] } });
  const page: Handler = (_req, res) => res.setHeader('Vary', 'Accept-Language').end('for all');
  const [{ app }] = frameworks as [Framework];
  const port = await serve(app(watching, cache as unknown as Handler, page));
  const headers = {
    'X-Tenant': 'a',
    'Accept-Language': 'de',
    Cookie: 'sid=secret; theme=dark',
    Authorization: 'Bearer secret',
    'X-Other': 'b',
  };
  await ask(port, { headers });
  await cache.idle();
  const [, question = []] = seen;
  const fields = new Map(
    question.flatMap((text, i) => (i % 2 ? [] : [[text.toLowerCase(), question[i + 1]]])),
  );
  expect(Object.fromEntries(fields)).toMatchObject({
    'x-tenant': 'a',
    'accept-language': 'de',
    cookie: 'theme=dark',
  });
  expect(fields.get('x-other')).toBe('b');
  expect(fields.has('authorization')).toBe(false);
  expect(await ask(port, { headers })).toMatchObject({ cacheStatus: HIT });
});

test('where the app cannot be asked as a stranger, strangers store and callers confirm', async () => {
  const body: Handler = (req, _res, next) => {
    Object.assign(req, { body: 'q' });
    next();
  };
  const cache = newCache({
    ttl: '1h',
    methods: ['GET', 'POST'],
    key: (req) => [req.url ?? '', (req as { body?: string }).body ?? ''],
  });
  let runs = 0;
  const page: Handler = (_req, res) => {
    runs++;
    res.end('found');
  };
  const [{ app }] = frameworks as [Framework];
  const port = await serve(app(body, cache as unknown as Handler, page));
  const post = async (asked: Asked = {}): Promise<string> => {
    const { cacheStatus } = await ask(port, { method: 'POST', body: 'q', ...asked });
    await cache.idle();
    return cacheStatus;
  };
  expect(await post(ann)).toBe('fwd=uri-miss; detail=credentials');
  expect(await post()).toBe('fwd=uri-miss; stored');
  expect(await post(ann)).toBe('fwd=vary-miss; detail=verifying');
  expect([await post(ann), await post(bob), await post()]).toEqual([HIT, HIT, HIT]);
  expect(runs).toBe(3);
});
