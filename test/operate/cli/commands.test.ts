import { afterEach, describe, expect, test } from '@jest/globals';
import { redisCache } from '../../../src/index.ts';
import { sharedCluster } from '../../support/cluster.ts';
import { startRedis } from '../../support/redis.ts';
import { ESCAPES, filled, run, url } from './support.ts';

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

describe('the watch command', () => {
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
    [['ls', '--timeout', '10ms'], /--timeout is 10ms, but must be a duration from 20ms to 20h/],
    [['ls', '--timeout', '21h'], /--timeout is 21h, but must be a duration from 20ms to 20h/],
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
