import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from '@jest/globals';
import { main } from '../../../src/cli/main.ts';
import { redisCache } from '../../../src/index.ts';
import { sharedCluster } from '../../support/cluster.ts';
import { startRedis } from '../../support/redis.ts';
import { clientOf } from '../../support/store.ts';
import { ESCAPES, filled, type Ran, run, url } from './support.ts';

const HOST = 'http://test.example';
const KEY = Buffer.alloc(32, 7);
const encrypted = { encrypt: { keys: [{ id: 'k1', key: KEY }] } };
const WITH_KEY = ['--encrypt-key', `k1:${KEY.toString('base64')}`];
const COMMANDS = ['stats', 'ls', 'show', 'explain', 'purge', 'watch'] as const;

const stopping: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stopping.splice(0)) await stop();
});

const lines = (text: string): string[] => text.split('\n').filter(Boolean);

describe('the stats command', () => {
  test('counts entries by status and type, and shows the figures of Redis', async () => {
    const { on } = await filled(['/a', '/b', '/none']);
    const { code, out, err } = await on(['stats']);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^cache {5}\S+ at 127\.0\.0\.1:\d+\nredis {5}(?:Redis|Valkey) [\d.]+, /);
    expect(out).toMatch(/^responses +3 +\S+$/m);
    expect(out).toMatch(/^ {2}404 +1 +\S+$/m);
    expect(out).toMatch(/^ {2}text\/plain +3 +\S+$/m);
    expect(out).toMatch(/^ping +[\d.]+ ms on average, [\d.]+ to [\d.]+ ms$/m);
    const json = JSON.parse((await on(['stats', '--json'])).out);
    expect(json).toMatchObject({
      redis: { servers: 1, usedMemory: expect.any(Number), pingMs: { mean: expect.any(Number) } },
      stored: { responses: { count: 3 }, byStatus: { 404: { count: 1 } } },
    });
  });

  test('clears its progress on a terminal', async () => {
    const { on } = await filled(['/a']);
    expect((await on(['stats'], { isTTY: true })).err.endsWith('\r\x1b[K')).toBe(true);
  });
});

describe('the ls command', () => {
  test('lists one line per entry, cut to the width of the terminal', async () => {
    const { on } = await filled(['/a', `/${'long'.repeat(50)}`, '/none']);
    const { code, out, err } = await on(['ls']);
    expect([code, err]).toEqual([0, '']);
    const [head, ...rows] = lines(out);
    expect(head).toBe(' AGE   TTL STATUS     SIZE  KEY');
    expect(rows).toHaveLength(3);
    expect(rows.find((row) => row.includes('/a'))).toMatch(
      /^ +\ds +\d+m 200 +\d+B {2}GET http:\/\/test\.example\/a$/,
    );
    const narrow = lines((await on(['ls'], { isTTY: true, columns: 50, env: { NO_COLOR: '1' } })).out);
    expect(Math.max(...narrow.map((row) => row.length))).toBe(50);
  });

  test.each<[string, string[], number]>([
    ['a search', ['a1'], 1],
    ['a search with a star', ['test*/a'], 12],
    ['a status', ['--status', '404'], 1],
    ['a tag', ['--tag', 'leads'], 13],
    ['a limit', ['--limit', '5'], 5],
    ['--all', ['--all'], 13],
  ])('lists the entries that match %s', async (_what, args, count) => {
    const { on } = await filled([
      '/none',
      ...Array.from({ length: 12 }, (_, i) => `/a${i + 20 - (i > 0 ? 0 : 19)}`),
    ]);
    const { out } = await on(['ls', '--json', ...args]);
    const found = lines(out).map((line) => JSON.parse(line));
    expect(new Set(found.map(({ key }) => key)).size).toBe(count);
  });

  test.each<[string, (string | number)[]]>([
    ['size', ['/a', '/bb', '/none?q=long']],
    ['status', [200, 200, 404]],
    ['key', ['/a', '/bb', '/none?q=long']],
  ])('sorts by %s, and the other way round with --reverse', async (column, expected) => {
    const { on } = await filled(['/none?q=long', '/bb', '/a']);
    const sorted = async (...more: string[]): Promise<unknown[]> => {
      const { out } = await on(['ls', '--sort', column, '--json', ...more]);
      const found = lines(out).map((line) => JSON.parse(line));
      return found.map(({ status, key }) => (column === 'status' ? status : key.replace(`GET ${HOST}`, '')));
    };
    expect(await sorted()).toEqual(expected);
    expect(await sorted('--reverse')).toEqual([...expected].reverse());
    expect(await sorted('--limit', '2')).toEqual(expected.slice(0, 2));
  });

  test('sorts by age and by TTL', async () => {
    let now = Date.now() - 60_000;
    const { on, get, cache } = await filled([], { clock: () => now, ttl: '1h' });
    for (const path of ['/old', '/middle', '/new']) {
      await get(path);
      await cache.idle();
      now += 20_000;
    }
    const sorted = async (column: string): Promise<string[]> => {
      const { out } = await on(['ls', '--sort', column]);
      return [...out.matchAll(/\/(\w+)\n/g)].map(([, name = '']) => name);
    };
    expect(await sorted('age')).toEqual(['new', 'middle', 'old']);
    expect(await sorted('ttl')).toEqual(['old', 'middle', 'new']);
  });

  test('takes a bare URL and every target', async () => {
    const { on } = await filled(['/a', '/a?b=1', '/other']);
    const count = async (...args: string[]): Promise<number> =>
      lines((await on(['ls', '--json', ...args])).out).length;
    expect(await count(`${HOST}/a`)).toBe(1);
    expect(await count('--url', `${HOST}/a`, '--url', `${HOST}/other`)).toBe(2);
    expect(await count('--key', `GET ${HOST}/a`)).toBe(1);
    expect(await count('--id', `GET ${HOST}/a`)).toBe(1);
    expect(await count('--url-prefix', '/a')).toBe(2);
    expect(await count('--url-prefix', '/a', 'b=1')).toBe(1);
    expect(await count('--tag', 'leads', '--all')).toBe(3);
    expect(await count(`${HOST}/*a`)).toBe(2);
  });

  test('says on a terminal that there are more entries only if there are', async () => {
    const { on } = await filled(['/a', '/b', '/c']);
    const said = async (limit: string): Promise<string> =>
      (await on(['ls', '--limit', limit], { isTTY: true })).err;
    expect(await said('2')).toBe('Only the first 2 entries: use --limit N or --all for more.\n');
    expect(await said('3')).toBe('');
  });

  test('leaves out the host, then the middle of a key that does not fit the terminal, and keeps its end', async () => {
    const { on } = await filled(['/short', `/long?filter=${'x'.repeat(60)}&page=7`]);
    const { out } = await on(['ls', '--sort', 'key'], { isTTY: true, columns: 50, env: { NO_COLOR: '1' } });
    const [, long = '', short = ''] = lines(out);
    expect(long).toMatch(/ {2}\/long\S*\.\.\.\S*&page=7$/);
    expect(short).toMatch(/ {2}test\.example\/short$/);
  });

  test('shows unknown-key for an encrypted entry, and its key with --encrypt-key or RRC_ENCRYPT_KEYS', async () => {
    const { on } = await filled(['/a'], encrypted);
    expect((await on(['ls'])).out).toMatch(/ - {2}#[0-9a-f]{64} \(unknown-key\)\n$/);
    const readable = / 200 +\S+ {2}GET http:\/\/test\.example\/a\n$/;
    expect((await on(['ls', ...WITH_KEY])).out).toMatch(readable);
    const env = { RRC_ENCRYPT_KEYS: `k0:${Buffer.alloc(32).toString('hex')},${WITH_KEY[1]}` };
    expect((await on(['ls'], { env })).out).toMatch(readable);
  });
});

describe('the show command', () => {
  test.each<[string, object]>([
    ['its key', {}],
    ['a hash', { hashKeys: true }],
  ])('finds a response stored under %s by URL, key and id', async (_name, options) => {
    const { on } = await filled(['/a?y=2&x=1'], options);
    const [listed] = lines((await on(['ls', '--json'])).out).map((line) => JSON.parse(line));
    for (const name of [`${HOST}/a?x=1&y=2`, `${HOST}/a?y=2&x=1`, listed.key, listed.id]) {
      const { code, out } = await on(['show', name]);
      expect([code, out]).toEqual([0, expect.stringContaining('  ETag: "one"\n')]);
      expect(out).not.toContain('body of');
    }
  });

  test('shows a body as text, as hex, and raw', async () => {
    const { on } = await filled(['/a', '/bytes']);
    expect((await on(['show', `${HOST}/a`, '--body'])).out).toMatch(/\n\nbody of \/a\n\x1b\[2Jend\n\n$/);
    const seen = await on(['show', `${HOST}/a`, '--body'], { isTTY: true, env: { NO_COLOR: '1' } });
    expect(seen.out).toMatch(/\n\nbody of \/a\n\\x1b\[2Jend\n\n$/);
    expect((await on(['show', `${HOST}/bytes`, '--body'])).out).toMatch(
      /00000000 {2}00 ff 01 fe +\.\.\.\.\n$/,
    );
    expect((await on(['show', `${HOST}/a`, '--raw'], { isTTY: true })).out).toBe('body of /a\n\x1b[2Jend\n');
    const json = JSON.parse((await on(['show', `${HOST}/bytes`, '--body', '--json'])).out);
    expect(json.bodyBase64).toBe('AP8B/g==');
    expect(JSON.parse((await on(['show', `${HOST}/a`, '--json'])).out)).not.toHaveProperty('body');
  });

  test('shows all variants, or the one of --variant', async () => {
    const asked = ['de', 'en'].map((language) => ({
      path: '/varied',
      headers: { 'Accept-Language': language },
    }));
    const { on } = await filled(asked);
    const all = lines((await on(['show', `${HOST}/varied`, '--json'])).out).map((line) => JSON.parse(line));
    expect(all.map(({ variesOn }) => variesOn['accept-language']).sort()).toEqual(['de', 'en']);
    expect(await on(['show', `${HOST}/varied`, '--raw'])).toEqual({
      code: 2,
      out: '',
      err: expect.stringMatching(
        /^2 responses are stored, and --raw writes one: add\n(?: {2}--variant '.*'\n){2}$/,
      ),
    });
    const one = await on(['show', `${HOST}/varied`, '--raw', '--variant', all[0].variant]);
    expect([one.code, one.out]).toEqual([0, expect.stringContaining('body of')]);
  });

  test('says what selects a response and who may have it, and so does ls', async () => {
    const member = { path: '/a', headers: { Cookie: 'sid=a-session-of-24-characters' } };
    const { on } = await filled([
      ...['/a', '/public', '/none'],
      { path: '/lang', headers: { 'X-Lang': 'de' } },
      // The first one is compared, and gets the same.
      ...[member, { path: '/none', headers: { Authorization: 'Basic YTpi' } }],
    ]);
    const facts = async (path: string): Promise<string[]> =>
      lines((await on(['show', `${HOST}${path}`])).out).filter((line) =>
        /^ {2}(?:varies on|for) /.test(line),
      );
    expect(await facts('/public')).toEqual(['  for        everyone']);
    expect(await facts('/a')).toEqual(['  for        requests without credentials and 1 kind of callers']);
    expect(await facts('/lang')).toEqual([
      '  varies on  x-lang: de',
      '  for        requests without credentials',
    ]);
    const { out } = await on(['ls']);
    expect(out).toMatch(/ GET http:\/\/test\.example\/public\n/);
    expect(out).toMatch(/\/a \(for requests without credentials and 1 kind of callers\)\n/);
    expect(out).toMatch(/\/lang \(x-lang: de\)\n/);
    const [listed] = lines((await on(['ls', '/a', '--json'])).out).map((line) => JSON.parse(line));
    expect(listed.audience).toEqual({ strangers: true, same: 1, different: 0 });
  });

  test('shows a value by the JSON of its key', async () => {
    const { on, prefix } = await filled([]);
    const cache = redisCache({ redis: url, prefix, timeout: '10s' });
    stopping.push(() => cache.close());
    await cache.store.set(['rates', 'EUR'], { eur: 1 }, { ttl: '1m' });
    expect((await on(['show', '["rates","EUR"]', '--raw'])).out).toBe('{"eur":1}');
    expect((await on(['show', '["rates","EUR"]'])).out).not.toMatch(/^ {2}for/m);
  });

  test('says when nothing is stored, and why an entry is unreadable', async () => {
    const { on } = await filled(['/a'], encrypted);
    expect(await on(['show', `${HOST}/other`])).toEqual({
      code: 1,
      out: '',
      err: expect.stringMatching(
        /^nothing is stored that matches --url http:\/\/test\.example\/other under prefix \S+ at 127\.0\.0\.1:\d+\n$/,
      ),
    });
    expect((await on(['show', `${HOST}/a`])).out).toContain(
      'encrypted with key k1: add it with --encrypt-key',
    );
    expect((await on(['show', `${HOST}/a`, '--raw'])).code).toBe(1);
    expect((await on(['show', `${HOST}/a`, '--raw', ...WITH_KEY])).out).toMatch(/^body of \/a/);
  });
});

describe('the purge command', () => {
  const paths = ['/a', '/a?b=1', '/other', '/none'];
  test.each<[string, string[], number, object?]>([
    ['a URL', ['--url', `${HOST}/a`], 1],
    ['two URLs', ['--url', `${HOST}/a`, '--url', 'HTTP://TEST.example:80/other#x'], 2],
    ['a URL under a hash', ['--url', `${HOST}/a?b=1`], 1, { hashKeys: true }],
    ['a URL of an encrypted response', ['--url', `${HOST}/a`], 1, encrypted],
    [
      'a key',
      ['--key', '["page",{"b":1,"a":2}]'],
      4,
      { key: () => ['page', { a: 2, b: 1 }], vary: { query: true, by: (req: { url?: string }) => req.url } },
    ],
    [
      "a URL under keys of the user's own, whatever its query",
      ['--url', `${HOST.replace('http', 'https')}/A/`],
      2,
      { key: (req: { url?: string }) => ['own', req.url] },
    ],
    ['a tag', ['--tag', 'leads'], 4],
    ['a prefix of paths', ['--url-prefix', '/a'], 2],
    ['a prefix of URLs', ['--url-prefix', `${HOST}/o`], 1],
    ['a KEY of ls', ['--key', `GET ${HOST}/a`], 1],
    ['an id', ['--id', `GET ${HOST}/a`], 1],
    ['a bare URL', [`${HOST}/a`, `${HOST}/other`], 2],
    ['a bare KEY of ls', [`GET ${HOST}/a`], 1],
    ['everything', ['--all', '--yes'], 4],
    ['a URL that is not stored', ['--url', 'http://elsewhere.example/a'], 0],
  ])('purges %s', async (_what, args, count, options = {}) => {
    const { on, get } = await filled(paths, options);
    expect(await on(['purge', ...args])).toEqual({
      code: 0,
      out: `${count} ${count === 1 ? 'entry' : 'entries'} purged\n`,
      err: count > 0 ? '' : expect.stringMatching(/^nothing is stored that matches --url /),
    });
    let left = 0;
    for (const path of paths) if ((await get(path)).cacheStatus.startsWith('hit')) left++;
    expect(left).toBe(paths.length - count);
  });

  test('marks stale with --soft, and writes the count with --json', async () => {
    const { on } = await filled(['/a', '/b']);
    for (const target of [
      ['--url', `${HOST}/a`],
      ['--url-prefix', '/b'],
    ]) {
      expect((await on(['purge', ...target, '--soft', '--json'])).out).toBe(
        '{"purged":1,"soft":true,"dryRun":false}\n',
      );
    }
    expect((await on(['ls'])).out.match(/\(purged softly\)/g)).toHaveLength(2);
  });
});

describe('the purge command before it purges', () => {
  test('counts and lists with --dry-run, and purges nothing', async () => {
    const { on } = await filled(['/a', '/b', '/none']);
    const { code, out, err } = await on(['purge', '--url-prefix', '/', '--dry-run']);
    expect([code, err]).toEqual([0, '']);
    expect(
      lines(out)
        .slice(1, -1)
        .join('\n')
        .match(/GET http:\S+/g)
        ?.sort(),
    ).toEqual(['/a', '/b', '/none'].map((path) => `GET ${HOST}${path}`));
    expect(lines(out).at(-1)).toBe('3 entries would be purged; nothing was changed');
    const all = ['purge', '--all', '--dry-run', '--soft', '--json'];
    expect((await on(all)).out).toBe('{"purged":3,"soft":true,"dryRun":true}\n');
    expect((await on(['purge', `${HOST}/a`, '--dry-run', '--json'])).out).toMatch(/^\{"purged":1,/);
    expect(lines((await on(['ls', '--json'])).out)).toHaveLength(3);
    expect((await on(['purge', '--tag', 'none', '--dry-run'])).code).toBe(1);
  });

  test.each<[string, string[]]>([
    ['a tag', ['--tag', 'leads']],
    ['a URL prefix', ['--url-prefix', '/']],
    ['everything', ['--all']],
  ])('asks on a terminal before a purge of many by %s, and goes on after yes only', async (_what, target) => {
    const paths = Array.from({ length: 11 }, (_, i) => `/a/${i}`);
    const { on } = await filled(paths);
    const no = await on(['purge', ...target], { isTTY: true, typed: 'no\n' });
    expect([no.code, no.out]).toEqual([1, '']);
    expect(no.err).toMatch(
      /^This purges (?:11 entries \(--\S+ \S+\)|everything) under \S+ at \S+\. Type yes /,
    );
    expect(no.err).toMatch(/Nothing was purged\.\n$/);
    expect((await on(['purge', ...target], { isTTY: true, typed: 'yes\n' })).out).toBe('11 entries purged\n');
  });

  test('counts an entry once that two prefixes or two tags find', async () => {
    const { on } = await filled(['/a/1', '/a/2', '/b'], { tags: ['leads', 'all'] });
    for (const [targets, purged] of [
      [['--url-prefix', '/a', '--url-prefix', '/a/1'], 2],
      [['--tag', 'leads', '--tag', 'all'], 3],
    ] as const) {
      const { out } = await on(['purge', ...targets, '--dry-run', '--json']);
      expect(JSON.parse(out)).toEqual({ purged, soft: false, dryRun: true });
    }
  });

  test('purges nothing if the input ends at the question (Ctrl-D)', async () => {
    const { on } = await filled(['/a']);
    const { code, out, err } = await on(['purge', '--all'], { isTTY: true, typed: '' });
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(/Type yes to continue: Nothing was purged\.\n$/);
  });

  test('asks nothing with --yes, for 10 entries, or without a terminal', async () => {
    const paths = (count: number): string[] => Array.from({ length: count }, (_, i) => `/a/${i}`);
    const few = await filled(paths(10));
    expect((await few.on(['purge', '--tag', 'leads'], { isTTY: true, typed: '' })).code).toBe(0);
    const many = await filled(paths(11));
    expect((await many.on(['purge', '--tag', 'leads', '--yes'], { isTTY: true, typed: '' })).code).toBe(0);
    const piped = await filled(paths(11));
    expect((await piped.on(['purge', '--tag', 'leads'])).code).toBe(0);
  });
});

describe('a command that finds nothing exits with 1 and says', () => {
  test.each([
    ['ls', 'zzz'],
    ['ls', '--status', '500'],
    ['ls', '--tag', 'x'],
    ['show', '--tag', 'x'],
    ['purge', '--tag', 'x', '--dry-run'],
  ])('what does not match, and under which prefix of which Redis: %s %s %s %s', async (...args) => {
    const { on, prefix } = await filled(['/a']);
    const { code, out, err } = await on(args);
    expect([code, out]).toEqual([1, '']);
    const [host] = new URL(url).host.split(':');
    const looked = args[1] === 'zzz' ? '"zzz"' : `${args[1]} ${args[2]}`;
    expect(err).toMatch(`nothing is stored that matches ${looked} under prefix ${prefix} at ${host}:`);
    expect(err).not.toMatch('Found responses under');
  });

  test('which other prefixes have responses, or how to look elsewhere, without credentials', async () => {
    const redis = await startRedis({ password: 'secret' });
    stopping.push(() => redis.stop());
    const own = `redis://:secret@127.0.0.1:${redis.port}`;
    const at = (...args: string[]): Promise<Ran> => run(['ls', '--redis', own, ...args]);
    const place = `127.0.0.1:${redis.port}`;
    expect(await at()).toEqual({
      code: 1,
      out: '',
      err: `nothing is stored under prefix rrc: at ${place}. To look elsewhere, use --redis URL (or REDIS_URL) and --prefix\n`,
    });
    await filled(['/a', '/b'], { redis: own, prefix: 'rrc:' });
    await filled(['/a'], { redis: own, prefix: 'shop:', hashKeys: true });
    const other = await at('--prefix', 'wrong:');
    expect(other.err).toBe(
      `nothing is stored under prefix wrong: at ${place}. Found responses under "rrc:" and "shop:": use --prefix\n`,
    );
  });

  test('which keys have the same path', async () => {
    const { on } = await filled(['/a?page=1', '/a?page=2', '/other/a']);
    expect((await on(['show', `${HOST}/a`])).err).toMatch(
      /\. Stored for this path: http:\/\/test\.example\/a\?page=\d, http:\/\/test\.example\/a\?page=\d\n$/,
    );
    expect((await on(['purge', 'http://elsewhere.example:81/a'])).err).toMatch(/Stored for this path: /);
    const many = await filled(Array.from({ length: 4 }, (_, i) => `/a?page=${i}`));
    expect((await many.on(['show', `${HOST}/a`])).err).toMatch(/\. 4 keys have this path: see ls '\/a'\n$/);
  });

  test('which keys have the same path, among many others in the same Redis', async () => {
    const server = await startRedis();
    stopping.push(() => server.stop());
    const client = clientOf(server);
    stopping.push(async () => client.disconnect());
    await client.mset(Array.from({ length: 40_000 }, (_, i) => `other:${i >> 1}:${i & 1}`));
    const site = await filled(['/a?page=1'], { redis: server.url });
    const { err } = await run(['show', `${HOST}/a`, '--redis', server.url, '--prefix', site.prefix]);
    expect(err).toMatch('Stored for this path: http://test.example/a?page=1');
  });
});

describe('the watch command', () => {
  test('writes one line for each update without a terminal', async () => {
    const { on } = await filled(['/a', '/b']);
    const ending = new AbortController();
    let written = 0;
    const onOutput = (): void => {
      written++;
      if (written > 1) ending.abort(130);
    };
    const { out } = await on(['watch', '--interval', '200ms'], { signal: ending.signal, onOutput });
    expect(lines(out).length).toBeGreaterThan(1);
    for (const line of lines(out))
      expect(line).toMatch(
        /^\d{4}-\S+Z {2}2 entries \(\S+B stored\), 2 fresh, 0 stale; memory \S+B; per second: /,
      );
  });

  test.each([40, 50, 80, 140])('fits a terminal of %d columns', async (columns) => {
    const { on } = await filled(['/a', `/long?filter=${'x'.repeat(120)}`]);
    const ending = new AbortController();
    let screen = '';
    const onOutput = (text: string): void => {
      screen = text.includes('NEWEST') ? text : screen;
      if (screen) ending.abort(130);
    };
    const env = { NO_COLOR: '1' };
    await on(['watch'], { isTTY: true, columns, env, signal: ending.signal, onOutput });
    const shown = screen.replaceAll(/\x1b\[\??\d*[A-Za-z]/g, '').split('\n');
    expect(Math.max(...shown.map((line) => line.length))).toBeLessThanOrEqual(columns);
    expect(shown).toContainEqual(expect.stringMatching(/^responses +2 +\S+B$/));
    expect(shown).toContainEqual(expect.stringMatching(/ 200 +\d+B {2}\S+$/));
    // No figure is cut off. The prefix may be.
    expect(shown.slice(1).filter((line) => line.endsWith('...'))).toEqual([]);
  });

  test('draws again at once when the terminal has another size, and leaves out what a low one has no room for', async () => {
    const { prefix } = await filled(['/a', '/none']);
    const ending = new AbortController();
    const screens: string[] = [];
    const out = Object.assign(new EventEmitter(), {
      isTTY: true,
      columns: 100,
      rows: 40,
      write(text: string) {
        screens.push(text);
        if (screens.length === 1) return;
        if (screens.length === 2) {
          Object.assign(out, { columns: 44, rows: 20 });
          setImmediate(() => out.emit('resize'));
        } else ending.abort(130);
      },
    });
    const input = Readable.from([]);
    // A broken one would wait for an hour.
    const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(10_000)]);
    const io = { input, out, err: out, env: { NO_COLOR: '1' }, signal, version: '0' };
    await main(['watch', '--interval', '1h', '--redis', url, '--prefix', prefix], io);
    const [, large = '', low = '', left] = screens;
    expect(large).toMatch(/by status.*by type.*by age.*NEWEST/s);
    expect(low).toMatch(/responses {16}.*NEWEST/s);
    expect(low).not.toMatch('by age');
    expect(low.split('\n').length).toBeLessThanOrEqual(20);
    expect(left).toBe('\x1b[?25h\x1b[?1049l');
    expect(out.listenerCount('resize')).toBe(0);
  });

  test('writes the figures at each interval until it is interrupted', async () => {
    const { on } = await filled(['/a', '/b']);
    const ending = new AbortController();
    let written = 0;
    const onOutput = (text: string): void => {
      written += lines(text).length;
      if (written > 1) ending.abort(130);
    };
    const { code, out } = await on(['watch', '--json', '--interval', '200ms'], {
      signal: ending.signal,
      onOutput,
    });
    expect(code).toBe(130);
    const updates = lines(out).map((line) => JSON.parse(line));
    expect(updates.length).toBeGreaterThan(1);
    expect(updates[0]).toMatchObject({
      time: expect.any(Number),
      stored: { responses: { count: 2 } },
      newest: [{}, {}],
    });
    expect(updates[1].rates).toMatchObject({ commands: expect.any(Number), hits: expect.any(Number) });
  });
});

test('every command works on a Cluster', async () => {
  const nodes = await sharedCluster(3);
  const paths = Array.from({ length: 30 }, (_, i) => `/a/${i}`);
  const { on } = await filled([...paths, '/b', '/none'], { redis: { cluster: nodes } });
  const [first, second] = nodes as [string, string];
  const there = ['--cluster', '--redis', `${first.replace('redis://', '')},${second}`];
  const stored = async (): Promise<unknown> => {
    const { out } = await on(['stats', '--json', ...there]);
    return JSON.parse(out).stored.responses.count;
  };
  expect(lines((await on(['ls', ...there])).out)).toHaveLength(33);
  expect((await on(['explain', `${HOST}/a/7`, ...there])).out).toMatch(/^hit/);
  expect(await stored()).toBe(32);
  expect((await on(['show', `${HOST}/a/7`, ...there])).code).toBe(0);
  expect((await on(['purge', '--url', `${HOST}/b`, ...there])).out).toBe('1 entry purged\n');
  expect((await on(['purge', '--url-prefix', '/a/1', ...there])).out).toBe('11 entries purged\n');
  expect((await on(['purge', '--tag', 'leads', ...there])).out).toBe('20 entries purged\n');
  expect((await on(['purge', '--all', '--yes', ...there])).out).toBe('0 entries purged\n');
  expect(await stored()).toBe(0);
}, 60_000);

describe('control characters from Redis', () => {
  test.each([
    ['ls'],
    ['ls', '--json'],
    ['show', `${HOST}/a`],
    ['show', `${HOST}/a`, '--json', '--body'],
    ['show', '["\\u001b]0;evil\\u0007\x9b2J\u202e"]'],
    ['stats'],
    ['stats', '--json'],
  ])('are escaped by: %s %s %s %s', async (...args) => {
    const { on, prefix } = await filled(['/a']);
    const cache = redisCache({ redis: url, prefix, timeout: '10s' });
    stopping.push(() => cache.close());
    await cache.store.set(['\x1b]0;evil\x07\x9b2J\u202e'], 'x', { ttl: '1m' });
    const { code, out, err } = await on(args, { isTTY: true, env: { NO_COLOR: '1' } });
    expect(code).toBe(0);
    expect(out).not.toMatch(ESCAPES);
    expect(err.replace(/\r[^\r]*\x1b\[K/g, '')).not.toMatch(ESCAPES);
  });

  test('ls writes colors to a terminal only, and not with NO_COLOR or TERM=dumb', async () => {
    const { on } = await filled(['/a']);
    const bold = /\x1b\[1m/;
    expect((await on(['ls'], { isTTY: true })).out).toMatch(bold);
    for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }])
      expect((await on(['ls'], { isTTY: true, env })).out).not.toMatch(bold);
    expect((await on(['ls'])).out).not.toMatch(bold);
  });
});

describe('a failure is reported in one line', () => {
  test.each(COMMANDS)(
    '%s exits with 3 when Redis is down, and its message names host and port, and no password',
    async (name) => {
      const args = /show|explain|purge/.test(name) ? [`${HOST}/a`] : [];
      const { code, out, err } = await run([name, ...args, '--redis', 'redis://:secret@127.0.0.1:1']);
      expect([code, out]).toEqual([3, '']);
      expect(err).toBe(
        `redis-response-cache ${name}: cannot reach Redis at 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1. Is Redis running there? Check --redis or REDIS_URL\n`,
      );
    },
  );

  test('ls names the reason and what to check: missing password, wrong password, no Cluster, no reply', async () => {
    const redis = await startRedis({ password: 'right' });
    stopping.push(() => redis.stop());
    const at = (userinfo: string): string[] => [
      'ls',
      '--redis',
      `redis://${userinfo}127.0.0.1:${redis.port}`,
    ];
    expect((await run(at(''))).err).toMatch(/: NOAUTH [^\n]*Add the password: redis:[^\n]*\n$/);
    expect((await run(at(':wrong@'))).err).toMatch(
      /: WRONGPASS [^\n]*Check the user and the password in --redis or REDIS_URL\n$/,
    );
    expect((await run([...at(':right@'), '--cluster'])).err).toMatch(
      /cluster support disabled\. Leave out --cluster\n$/,
    );
    expect((await run(at(':right@'))).code).toBe(1);
    redis.pause();
    const hung = await run([...at(':right@'), '--timeout', '300ms']);
    redis.resume();
    expect([hung.code, hung.err]).toEqual([
      3,
      expect.stringMatching(
        /no reply within 0\.3 s\. Check the address and the firewall, or raise --timeout\n$/,
      ),
    ]);
  });
});

describe('a wrong usage is reported in one line, with exit code 2', () => {
  test.each<[string[], RegExp]>([
    [['ls', '--redis', ''], /no Redis given: add --redis redis:/],
    [['ls', '--redis', 'http://a'], /--redis must be a URL/],
    [['ls', '--redis', 'a,b'], /add --cluster/],
    [['ls', '--redis'], /--redis needs a value/],
    [['ls', '--redis', '--json'], /--redis needs a value/],
    [['ls', '--json=1'], /--json takes no value/],
    [['ls', '--prefix', 'a{b'], /Option "prefix" is "a\{b"/],
    [['ls', '--encrypt-key', 'short'], /--encrypt-key must be/],
    [['ls', '--encrypt-key', 'k:short'], /Option "encrypt\.keys\[0\]\.key" is \*\*\*/],
    [['ls', '--timeout', '3'], /--timeout is 3, but must be a duration/],
    [['ls', '--timeout', '10ms'], /--timeout is 10ms, but must be a duration from 20ms to 1h/],
    [['ls', '--timeout', '2h'], /--timeout is 2h, but must be a duration from 20ms to 1h/],
    [['ls', 'a', 'b'], /at most one SEARCH/],
    [['ls', '--status', 'ok'], /--status is ok/],
    [['ls', '--tag', ''], /--tag must have/],
    [['ls', '--limit', '0'], /--limit is 0/],
    [['ls', '--limit', '1', '--all'], /exclude each other/],
    [['ls', '--limt', '1'], /unknown option --limt\. Did you mean "--limit"\?/],
    [['ls', '--sort', 'sise'], /--sort is sise, but must be one of age, ttl, .* Did you mean "size"\?/],
    [['ls', '--reverse'], /--reverse needs --sort/],
    [['show'], /show needs a URL, or one of --url, --key, --id, --tag, --url-prefix, --all/],
    [['show', '--id', '@stamp'], /"@stamp" is not the id of an entry/],
    [['show', '/leads'], /\/leads is not a URL .* add the host, or use --url-prefix \/leads/],
    [['show', HOST, '--raw', '--json'], /exclude each other/],
    [['purge'], /purge needs a URL, or one of --url, /],
    [['purge', '--tagg', 'a'], /unknown option --tagg\. Did you mean "--tag"\?/],
    [['purge', '--all', '--tag', 'a'], /--tag and --all exclude each other/],
    [['purge', HOST, '--tag', 'a'], /--url and --tag exclude each other/],
    [['purge', '--all'], /add --yes/],
    [['purge', 'all'], /all is not a URL .* Did you mean "--all"\?/],
    [['purge', 'leads'], /leads is not a URL .* for a tag, write --tag TAG/],
    [['purge', '--url', '/a'], /is not a URL that begins with http:/],
    [['purge', 'localhost:3000/a'], /Did you mean "http:\/\/localhost:3000\/a"\?/],
    [['purge', 'api.example.com/a'], /Did you mean "https:\/\/api\.example\.com\/a"\?/],
    [['purge', '--key', 'leads'], /leads is not a key: write the KEY that ls prints, or the JSON/],
    [['purge', '--url-prefix', 'a'], /--url-prefix is a, but/],
    [['purge', '--tag', ''], /--tag must have/],
    [['explain'], /explain needs exactly one URL/],
    [['explain', HOST, HOST], /explain needs exactly one URL/],
    [['explain', 'localhost:3000'], /Did you mean "http:\/\/localhost:3000"\?/],
    [['explain', HOST, '-H', 'x'], /--header is x, but must be a header field/],
    [['watch', '--interval', '1ms'], /--interval is 1ms, but must be/],
    [['stats', '--nope'], /unknown option --nope/],
    [['stats', 'extra'], /stats takes only options, not extra/],
  ])('%j', async (args, message) => {
    const { code, out, err } = await run(args, { env: { REDIS_URL: url } });
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(message);
    expect(err).toMatch(/^redis-response-cache \w+: [^\n]+ See --help\.\n$/);
  });
});

test.each(COMMANDS)('%s --help has examples, fits into 100 columns, and needs no Redis', async (name) => {
  const { code, out, err } = await run([name, '--help']);
  expect([code, err]).toEqual([0, '']);
  expect(out).toContain('--redis URL');
  expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  expect(out).toMatch(new RegExp(`^ {2}redis-response-cache ${name} `, 'm'));
  expect(await run(['help', name])).toEqual({ code, out, err });
});
