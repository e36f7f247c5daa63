import { describe, expect, jest, test } from '@jest/globals';
import { filled } from './support.ts';

const HOST = 'http://test.example';
const KEY = Buffer.alloc(32, 7);
const german = { path: '/varied', headers: { 'Accept-Language': 'de' } };

describe('the explain command', () => {
  test('says hit, the Cache-Status and the rule, and marks the variant that the header fields select', async () => {
    const english = { path: '/varied', headers: { 'Accept-Language': 'en' } };
    const { on } = await filled([german, english]);
    const { code, out, err } = await on(['explain', `${HOST}/varied`, '-H', 'Accept-Language: de']);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^hit: answered from Redis\n/);
    expect(out).toMatch(/^ {2}Cache-Status {2}redis-response-cache; hit; ttl=3[56]\d\d$/m);
    expect(out).toMatch(/^ {2}key +GET http:\/\/test\.example\/varied$/m);
    expect(out).toMatch(/^2 entries stored for this URL \(> the one that the request selects\):$/m);
    expect(out).toMatch(/^> .* {2}accept-language: de(?:;|$)/m);
    expect(out).toMatch(/^ {2} .* {2}accept-language: en(?:;|$)/m);
  });

  test.each<[string, string[], string, string]>([
    ['another language', ['-H', 'Accept-Language: fr'], 'miss', 'fwd=vary-miss'],
    ['no-cache', ['-H', 'Accept-Language: de', '-H', 'Cache-Control: no-cache'], 'stale', 'fwd=request'],
    ['POST', ['--method', 'post', '-H', 'Accept-Language: de'], 'not-looked-up', 'fwd=method'],
    ['a precondition', ['-H', 'If-Match: "a"'], 'not-looked-up', 'fwd=bypass; detail=precondition'],
  ])('says what becomes of a request with %s', async (_what, args, answer, status) => {
    const { on } = await filled([german]);
    const { out } = await on(['explain', `${HOST}/varied`, '--json', ...args]);
    expect(JSON.parse(out)).toMatchObject({ answer, cacheStatus: `redis-response-cache; ${status}` });
  });

  test('says stale for a response past its lifetime, and since when it is stored', async () => {
    let now = Date.now() - 120_000;
    const { on, get, cache } = await filled([], { clock: () => now, ttl: '1m' });
    await get('/a');
    await cache.idle();
    now += 120_000;
    const { out } = await on(['explain', `${HOST}/a`]);
    expect(out).toMatch(/^stale: the app is asked/);
    expect(out).toMatch(/^ {2}age +2m\n {2}ttl +-1m \(stale\)$/m);
    expect(out).toMatch(new RegExp(`^ {2}made +${new Date(now - 120_000).toISOString().slice(0, 16)}`, 'm'));
  });

  test('says who gets another response: names of credentials, never their values', async () => {
    const { on } = await filled(['/a']);
    const { out } = await on(['explain', `${HOST}/a`, '-H', 'Authorization: Basic c2VjcmV0', '--json']);
    const { answer, caller, cacheStatus } = JSON.parse(out);
    expect([answer, cacheStatus]).toEqual(['miss', expect.stringContaining('detail=verifying')]);
    expect(caller.credentials).toEqual(['authorization']);
    expect(out).not.toContain('c2VjcmV0');
  });

  test.each<[string, object, string[]]>([
    ['hashes', { hashKeys: true }, []],
    [
      'encrypted keys',
      { encrypt: { keys: [{ id: 'k1', key: KEY }] } },
      ['--encrypt-key', `k1:${KEY.toString('hex')}`],
    ],
  ])('finds a response under %s, with the scheme that a proxy has changed', async (_what, options, args) => {
    const { on } = await filled(['/a'], options);
    expect((await on(['explain', 'https://test.example/a', ...args])).out).toMatch(/^hit: /);
  });

  test.each<[string, object, RegExp]>([
    [
      'a key function',
      { key: (req: { url?: string }) => ['own', req.url] },
      /under keys of a key function of the app/,
    ],
    ['the vary option', { vary: { headers: ['x-tenant'] } }, /The vary option of the app selects/],
    ['encryption', { encrypt: { keys: [{ id: 'k1', key: KEY }] } }, /cannot be read here/],
  ])('says that it cannot know where %s decides', async (_what, options, why) => {
    const { on } = await filled([{ path: '/a', headers: { 'X-Tenant': 'one' } }], options);
    const { code, out } = await on(['explain', `${HOST}/a`]);
    expect([code, out]).toEqual([0, expect.stringMatching(/^unknown: the options of the app decide\n/)]);
    expect(out).toMatch(why);
  });

  test('wraps a long reason under its column, within the width of a terminal', async () => {
    const { on } = await filled([german]);
    const args = ['explain', `${HOST}/varied`, '-H', 'Accept-Language: fr'];
    const { out } = await on(args, { isTTY: true, columns: 60, env: { NO_COLOR: '1' } });
    const lines = out.split('\n');
    const from = lines.findIndex((line) => line.startsWith('  vary-miss '));
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(60);
    expect(lines[from + 1]).toMatch(/^ {16}\S/);
  });

  test('emits no process warning about the setup', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { on, cache } = await filled(['/a'], { encrypt: { keys: [{ id: 'k1', key: KEY }] } });
    cache.on('warning', () => {});
    await on(['explain', `${HOST}/a`]);
    await new Promise(setImmediate);
    const messages = warn.mock.calls.map(([message]) => message);
    warn.mockRestore();
    expect(messages).toEqual([]);
  });

  test('says miss and exits with 1 when nothing is stored', async () => {
    const { on } = await filled(['/a']);
    const { code, out, err } = await on(['explain', `${HOST}/other`]);
    expect([code, out]).toEqual([1, expect.stringMatching(/^miss: the app answers\n/)]);
    expect(err).toMatch(/^nothing is stored that matches --url /);
  });

  test('changes nothing: no lease, no entry', async () => {
    const { on, get } = await filled([]);
    await on(['explain', `${HOST}/a`]);
    expect((await get('/a')).cacheStatus).toBe('fwd=uri-miss; stored');
  });
});
