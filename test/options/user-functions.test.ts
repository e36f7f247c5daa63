import { describe, expect, test } from '@jest/globals';
import type { CacheOptions, PolicyOptions } from '../../src/index.ts';
import { fewFrameworks, type Handler, newCache, serve, timedCache } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { logged } from '../support/logged.ts';

/* A function among the options that fails: the app answers as it would alone, and the option is named everywhere. */

type Wrong = readonly [returned: unknown, shown: string];

const NO_BOOLEAN: readonly Wrong[] = [
  ['no', 'a string'],
  ['', 'a string'],
  [0, 'a number'],
  [undefined, 'undefined'],
  [null, 'null'],
  [{}, 'an object'],
  [[], 'an array'],
];
const NO_KEY: readonly Wrong[] = [
  [['me', undefined], 'undefined at [1]'],
  [{ since: new Date(0) }, 'an object (Date) at .since'],
  [{ a: [1, { b: Number.NaN }] }, 'NaN at .a[1].b'],
  [() => 1, 'a function'],
];

interface Row {
  readonly option: string;
  readonly of: (run: () => never) => PolicyOptions;
  /** The word in `Cache-Status` for a function that throws, and for one that returns something else. */
  readonly word: string;
  readonly wrongWord?: string;
  /** Whether the request is looked up before the function is called. */
  readonly late?: true;
  readonly wrong: readonly Wrong[];
}

const ROWS: readonly Row[] = [
  { option: 'enabled', of: (enabled) => ({ enabled }), word: 'enabled-error', wrong: NO_BOOLEAN },
  { option: 'when', of: (when) => ({ when }), word: 'when-error', wrong: NO_BOOLEAN },
  { option: 'key', of: (key) => ({ key }), word: 'key-error', wrongWord: 'key-ambiguous', wrong: NO_KEY },
  {
    option: 'vary.by',
    of: (by) => ({ vary: { by } }),
    word: 'vary-by-error',
    wrongWord: 'vary-ambiguous',
    wrong: [...NO_KEY, [undefined, 'undefined']],
  },
  {
    option: 'vary.caller',
    of: (caller) => ({ vary: { caller } }),
    word: 'vary-caller-error',
    wrongWord: 'vary-ambiguous',
    wrong: [...NO_KEY, [undefined, 'undefined']],
  },
  {
    option: 'storeWhen',
    of: (storeWhen) => ({ storeWhen }),
    word: 'store-when-error',
    late: true,
    wrong: NO_BOOLEAN,
  },
  {
    option: 'ttl',
    of: (ttl) => ({ ttl }),
    word: 'ttl-error',
    late: true,
    wrong: [
      ['soon', '"soon"'],
      ['60', '"60"'],
      [-1, '-1'],
      [true, 'true'],
      [undefined, 'undefined'],
      [null, 'null'],
      [{ 404: 'x' }, '{"404":"x"}'],
    ],
  },
  {
    option: 'tags',
    of: (tags) => ({ tags }),
    word: 'tags-error',
    late: true,
    wrong: [
      ['leads', 'a string'],
      [undefined, 'undefined'],
      [new Set(['a']), 'an object (Set)'],
      [['a', undefined], 'an array with undefined'],
      [['a', ''], 'an array with an empty string'],
    ],
  },
];

const raise = (error: unknown): never => {
  throw error;
};

describe.each(fewFrameworks)('$name', ({ app }) => {
  /** What two requests and `explain` are told where a function among the options fails. */
  async function told(options: CacheOptions) {
    let runs = 0;
    const { cache, faults } = timedCache(options);
    const lines = logged();
    const port = await serve(app(cache as Handler, (_req, res) => void res.end(`run ${++runs}`)));
    const answers = [];
    for (const path of ['/a?secret', '/a?secret']) {
      answers.push(await ask(port, path));
      await cache.idle();
    }
    return {
      cache,
      faults,
      bodies: answers.map(({ body }) => body),
      statuses: [...new Set(answers.map(({ cacheStatus }) => cacheStatus))],
      log: lines.filter((line) => line.includes(':fault')).join('\n'),
    };
  }

  describe.each(ROWS)('$option', ({ option, of, word, wrongWord = word, late, wrong }) => {
    test.each<[string, (error: unknown) => never]>([
      ['throws', raise],
      ['rejects', (error) => Promise.reject(error) as never],
    ])('that %s', async (_how, fails) => {
      const error = new TypeError("Cannot read properties of undefined (reading 'id')");
      const { cache, faults, bodies, statuses, log } = await told(of(() => fails(error)));
      expect(bodies).toEqual(['run 1', 'run 2']);
      // Where the function is asynchronous, the head is sent before it is known.
      const known = late ? ['fwd=uri-miss', `fwd=uri-miss; detail=${word}`] : [`fwd=bypass; detail=${word}`];
      expect(known).toContain(statuses.join());
      const message = `Option "${option}" threw ${error}`;
      expect(faults).toEqual(Array(2).fill({ step: 'option', code: 'error', option, message }));
      expect(log).toContain(option);
      expect(log).toContain("Cannot read properties of undefined (reading 'id')");
      const { failure, cacheStatus } = await cache.explain('http://test.example/a');
      if (!late) expect([failure, cacheStatus]).toEqual([{ option, message }, expect.stringContaining(word)]);
      expect(faults).toHaveLength(2);
    });

    test.each(wrong.flatMap((row) => [row, [Promise.resolve(row[0]), row[1]] as const]))(
      'that returns %p',
      async (returned, shown) => {
        const { faults, bodies, statuses, log } = await told(of(() => returned as never));
        expect(bodies).toEqual(['run 1', 'run 2']);
        const known = late
          ? ['fwd=uri-miss', `fwd=uri-miss; detail=${wrongWord}`]
          : [`fwd=bypass; detail=${wrongWord}`];
        expect(known).toContain(statuses.join());
        expect(faults).toHaveLength(2);
        const { message } = faults[0]!;
        expect(message).toContain(`Option "${option}" returned ${shown}, but must return `);
        expect(log).toContain(JSON.stringify(message));
      },
    );
  });
});

test('what the error of an app says is in no log, unless showKey is set', async () => {
  const options = { storeWhen: () => raise(new RangeError('s3cret')) };
  const lines = logged();
  for (const showKey of [false, true]) {
    const cache = newCache({ ...options, showKey });
    const port = await serve((req, res) => void cache(req, res, () => res.end('page')));
    await ask(port);
    await cache.idle();
  }
  const [hidden, shown] = lines.filter((line) => line.includes(':fault'));
  expect(hidden).toContain('threw RangeError (showKey: true logs its message)');
  expect(hidden).not.toContain('s3cret');
  expect(shown).toContain('threw RangeError: s3cret');
});

test('one function that throws beside another that rejects leaves nothing unhandled', async () => {
  const { cache, faults } = timedCache({
    storeWhen: async () => raise(new Error('first')),
    tags: () => raise(new Error('second')),
  });
  const port = await serve((req, res) => void cache(req, res, () => res.end('page')));
  expect(await ask(port)).toMatchObject({ body: 'page', cacheStatus: 'fwd=uri-miss; detail=tags-error' });
  await cache.idle();
  expect(faults).toHaveLength(1);
});

describe.each(fewFrameworks)('$name: a route whose cache cannot decide', ({ app }) => {
  test.each<PolicyOptions>([{ when: () => 'no' as never }, { enabled: () => raise(new Error('no')) }])(
    'has its response stored by no cache in front: %p',
    async (overrides) => {
      let runs = 0;
      const { cache } = timedCache();
      const route = cache.with(overrides);
      const port = await serve(
        app(cache as Handler, route as Handler, (_req, res) => void res.end(`run ${++runs}`)),
      );
      for (const body of ['run 1', 'run 2']) {
        expect((await ask(port)).body).toBe(body);
        await cache.idle();
      }
    },
  );
});

test('the key of an unsafe request that throws is told, and the app answers', async () => {
  const { cache, faults } = timedCache({ key: () => raise(new Error('no key')) });
  const port = await serve((req, res) => void cache(req, res, () => res.end('changed')));
  expect((await ask(port, { method: 'POST', path: '/' })).body).toBe('changed');
  expect(faults).toMatchObject([{ option: 'key', message: 'Option "key" threw Error: no key' }]);
});

test.each<[unknown, string]>([
  [async () => 5, 'returned {}, but must return milliseconds, as Date.now() does.'],
  [() => new Date(0), 'returned "1970-01-01T00:00:00.000Z", but must'],
  [() => Number.NaN, 'returned NaN, but must'],
])('a clock that tells no time is refused when the cache is made: %p', (clock, message) => {
  expect(() => newCache({ clock: clock as never })).toThrow(`Option "clock" ${message}`);
});

describe.each(['on', 'off'] as const)('%s()', (method) => {
  test.each<[unknown, unknown, string]>([
    [
      'hit',
      () => {},
      'Unknown event "hit". The events are request, fault, guard, store, purge, refresh, warning.',
    ],
    ['requests', () => {}, 'Unknown event "requests". Did you mean "request"?'],
    [5, () => {}, 'event 5. The events are'],
    ['__proto__', () => {}, 'event "__proto__". The events are'],
    [undefined, () => {}, 'event undefined. The events are'],
    ['request', 5, `${method}() needs a function as the listener, not 5.`],
  ])('of %p', (event, listener, message) => {
    expect(() => newCache()[method](event as 'request', listener as never)).toThrow(message);
  });
});
