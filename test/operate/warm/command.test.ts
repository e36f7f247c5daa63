import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { main } from '../../../src/cli/main.ts';
import { newCache, serve } from '../../support/app.ts';
import { certificates } from '../../support/tls.ts';
import { until } from '../../support/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'rrc-command-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

/** Runs a command in this process. */
async function run(
  args: readonly string[],
  { isTTY = false, signal = new AbortController().signal } = {},
): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const output = (name: 'out' | 'err') => ({
    isTTY,
    write(text: string) {
      said[name] += text;
    },
  });
  const io = { input: Readable.from([]), env: {}, out: output('out'), err: output('err'), signal, version };
  const code = await main(args, io);
  return { code, ...said };
}

/** Serves items and their `/sitemap.xml` behind a cache. Items in `failing` are answered with 503. */
async function shop(
  items: number,
  failing: readonly number[] = [],
): Promise<{ origin: string; runs: string[] }> {
  const cache = newCache({ ttl: '1h' });
  const runs: string[] = [];
  let origin = '';
  const port = await serve((req, res) => {
    if (req.url === '/sitemap.xml') {
      const all = Array.from({ length: items }, (_, i) => `<url><loc>${origin}/item/${i}</loc></url>`);
      return res.end(`<urlset>${all.join('')}</urlset>`);
    }
    return cache(req, res, () => {
      runs.push(req.url!);
      if (req.url === '/hangs') return;
      res.statusCode = failing.some((i) => req.url === `/item/${i}`) ? 503 : 200;
      res.end(`${req.headers['accept-language']}`);
    });
  });
  origin = `http://127.0.0.1:${port}`;
  return { origin, runs };
}

describe('the warm command', () => {
  test('requests the URLs of arguments, a sitemap and an access log, each once', async () => {
    const { origin, runs } = await shop(3);
    const log = join(folder, 'access.log');
    writeFileSync(
      log,
      ['/item/1', '/rare', '/often', '/often']
        .map((path) => `::1 - - [] "GET ${path} HTTP/1.1" 200 5\n`)
        .join(''),
    );
    const sources = [
      '--sitemap',
      `${origin}/sitemap.xml`,
      '--access-log',
      log,
      '--origin',
      origin,
      '--top',
      '1',
    ];
    const { code, out, err } = await run(['warm', `${origin}/a`, ...sources, `${origin}/item/2`]);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^5 done, 0 failed in [\d.]+ s\n$/);
    expect(runs.sort()).toEqual(['/a', '/item/0', '/item/1', '/item/2', '/often']);
  });

  test('lists failures and exits with 1', async () => {
    const { origin } = await shop(5, [3]);
    const args = ['--sitemap', `${origin}/sitemap.xml`, `${origin}/hangs`, '--timeout', '1500ms'];
    const { code, out } = await run(['warm', ...args]);
    expect(code).toBe(1);
    expect(out.replace(/[\d.]+ s\n/, 'N s\n').split('\n')).toEqual([
      '4 done, 2 failed in N s',
      `  status 503             ${origin}/item/3`,
      `  timed out after 1.5 s  ${origin}/hangs`,
      '',
    ]);
  });

  test('lists the first 100 failures and the number of the others', async () => {
    const { origin } = await shop(120, Array.from(Array(120).keys()));
    const { out } = await run(['warm', '--sitemap', `${origin}/sitemap.xml`]);
    const lines = out.trim().split('\n');
    expect(lines).toHaveLength(102);
    expect(lines[101]).toBe('  and 20 more');
  });

  test('writes only JSON with --json', async () => {
    const { origin } = await shop(2, [1]);
    const missing = join(folder, 'missing.xml');
    const { code, out, err } = await run([
      ...['warm', '--json', '--sitemap', `${origin}/sitemap.xml`, '--sitemap', missing],
    ]);
    expect([code, err]).toEqual([1, '']);
    expect(JSON.parse(out)).toEqual({
      done: 1,
      failed: 1,
      failures: [{ url: `${origin}/item/1`, reason: 'status 503' }],
      notStored: {},
      problems: [expect.stringMatching(`^sitemap ${missing}: ENOENT`)],
      seconds: expect.any(Number),
      interrupted: false,
    });
  });

  test('sends the fields of --header', async () => {
    const { origin } = await shop(0);
    const args = ['-H', 'Accept-Language: de', '--header', 'X-Other:1'];
    await run(['warm', '--url', `${origin}/`, ...args]);
    const answer = await fetch(`${origin}/`, { headers: { 'Accept-Language': 'de' } });
    expect(answer.headers.get('cache-status')).toContain('; hit');
    expect(await answer.text()).toBe('de');
  });

  test('continues after a source that cannot be read, reports it, and exits with 1', async () => {
    const { origin, runs } = await shop(2);
    const missing = join(folder, 'missing');
    const sources = ['--sitemap', missing, '--access-log', missing, '--origin', origin];
    const { code, out, err } = await run(['warm', ...sources, `${origin}/a`]);
    expect(code).toBe(1);
    expect(out).toMatch(/^1 done, 0 failed/);
    expect(err).toMatch(/^sitemap .*ENOENT.*\naccess log .*ENOENT.*\n$/);
    expect(runs).toEqual(['/a']);
  });

  test('exits with 1 when the sources contain no URL', async () => {
    const empty = join(folder, 'empty.log');
    writeFileSync(empty, 'nothing\n');
    const { code, err } = await run(['warm', '--access-log', empty, '--origin', 'http://a.example']);
    expect([code, err]).toEqual([1, 'the sources contain no URL\n']);
  });

  test('escapes control characters of URLs', async () => {
    const list = join(folder, 'list.xml');
    writeFileSync(list, '<urlset><loc>\u001b[2J\u0007x</loc></urlset>');
    const { out } = await run(['warm', '--sitemap', list]);
    expect(out).toContain('  Invalid URL  \\x1b[2J\\x07x\n');
  });

  test('draws a bar on a terminal, and clears it', async () => {
    const { origin } = await shop(3);
    const args = ['--sitemap', `${origin}/sitemap.xml`, `${origin}/hangs`, '--timeout', '1500ms'];
    const { err } = await run(['warm', ...args], { isTTY: true });
    expect(err).toMatch(/^Reading\.\.\.\r\[/);
    expect(err).toMatch(/\r\[#{22}\.{8}\] 3\/4 {2}[\d.]+\/s {2}0:0\d\x1b\[K/);
    expect(err.endsWith('\r\x1b[K')).toBe(true);
  });

  test.each<[string, string[], RegExp]>([
    ['no argument', [], /add URLs, --sitemap or --access-log/],
    ['a relative URL', ['a.example'], /a\.example is not a URL that begins with http:/],
    ['--origin without a log', ['http://a', '--origin', 'http://a'], /need --access-log/],
    ['--top without a log', ['http://a', '--top', '5'], /need --access-log/],
    ['a log without --origin', ['--access-log', 'x'], /also needs --origin/],
    ['a bad origin', ['--access-log', 'x', '--origin', 'a'], /--origin is a, but must be an origin/],
    [
      'a bad top',
      ['--access-log', 'x', '--origin', 'http://a', '--top', 'x'],
      /--top is x, but must be a whole/,
    ],
    [
      'a bad concurrency',
      ['http://a', '--concurrency', '0'],
      /--concurrency is 0, but must be a whole number/,
    ],
    [
      'a timeout without a unit',
      ['http://a', '--timeout', '30'],
      /--timeout is 30, but must be a duration up to 1h/,
    ],
    [
      'a timeout over 1h',
      ['http://a', '--timeout', '2h'],
      /--timeout is 2h, but must be a duration up to 1h/,
    ],
    ['a header without a colon', ['http://a', '--header', 'x'], /--header is x, but must be a header field/],
    ['a header in two lines', ['http://a', '--header', 'X: a\nY: b'], /but must be a header field/],
    ['a host without a scheme', ['www.example.com/a'], /Did you mean "https:\/\/www\.example\.com\/a"\?/],
    ['a Host header', ['http://a', '--header', 'Host: b'], /--header cannot set Host/],
    ['an option without a value', ['--sitemap'], /--sitemap/],
    ['an unknown option', ['--nope'], /unknown option --nope/],
  ])('reports %s in one line, with exit code 2', async (_what, args, message) => {
    const { code, out, err } = await run(['warm', ...args]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(message);
    expect(err).toMatch(/^redis-response-cache warm: .+ See --help\.\n$/);
  });
});

describe('the command', () => {
  test('--version writes the version, --help the commands or the options of one', async () => {
    for (const option of ['--version', '-v'])
      expect(await run([option])).toEqual({ code: 0, out: `${version}\n`, err: '' });
    for (const option of ['--help', '-h']) {
      const { code, out } = await run([option]);
      expect([code, out]).toEqual([0, expect.stringMatching(/Commands:\n(?: {2}.*\n)* {2}warm /)]);
      expect(await run(['warm', 'http://a', option])).toMatchObject({
        code: 0,
        out: expect.stringContaining('--sitemap URL|FILE'),
      });
    }
  });

  test('with an unknown command says which it may be, without any lists them, and exits with 2', async () => {
    const at = (problem: string): object => ({
      code: 2,
      out: '',
      err: `redis-response-cache: ${problem} See --help.\n`,
    });
    expect(await run(['warn'])).toEqual(at('unknown command warn. Did you mean "warm"?'));
    expect(await run(['help', 'lst'])).toEqual(
      at('unknown command lst. The commands are ls, show, explain, purge, stats, watch, warm.'),
    );
    expect(await run(['--json', 'ls'])).toEqual(
      at('--json must come after the command: redis-response-cache COMMAND [OPTIONS].'),
    );
    expect(await run([])).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/^Usage:/) });
  });

  test('warm --help fits into 100 columns', async () => {
    const { out } = await run(['warm', '--help']);
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });
});

describe('the command as a process', () => {
  const processes: ChildProcess[] = [];
  afterEach(() => {
    for (const child of processes.splice(0)) child.kill('SIGKILL');
  });

  /** Starts the command. `ended` resolves to its exit code and its output. */
  function start(
    args: string[],
    env: NodeJS.ProcessEnv = {},
  ): { child: ChildProcess; ended: Promise<unknown[]> } {
    const hook = require.resolve('../../support/typescript.cjs');
    const script = `process.argv.splice(1, 0, 'cli'); require(${JSON.stringify(join(__dirname, '../../../src/cli.ts'))})`;
    const child = spawn(process.execPath, ['--require', hook, '--eval', script, '--', ...args], {
      cwd: join(__dirname, '../../..'),
      env: { ...process.env, ...env },
    });
    processes.push(child);
    const said = ['', ''];
    child.stdout.on('data', (text) => {
      said[0] += text;
    });
    child.stderr.on('data', (text) => {
      said[1] += text;
    });
    return { child, ended: once(child, 'close').then(([code]) => [code, ...said]) };
  }

  test('warms up over HTTPS, and ends by itself', async () => {
    const { ca, cert, key } = await certificates('127.0.0.1');
    const asked: unknown[] = [];
    const server = createHttpsServer({ cert, key }, (req, res) => res.end(String(asked.push(req.url))));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const trusted = join(folder, 'ca.pem');
    writeFileSync(trusted, ca);
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/a`;
    const { ended } = start(['warm', url], { NODE_EXTRA_CA_CERTS: trusted });
    expect(await ended).toEqual([
      0,
      expect.stringMatching(/^1 done, 0 failed in [\d.]+ s\n {2}1 not stored: no Cache-Status\n$/),
      '',
    ]);
    expect(asked).toEqual(['/a']);
    server.close();
    server.closeAllConnections();
  });

  test.each<[NodeJS.Signals, number]>([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('%s ends warm with the counts so far and exit code %d', async (signal, code) => {
    const { origin, runs } = await shop(20);
    const args = [`${origin}/hangs`, '--sitemap', `${origin}/sitemap.xml`, '--concurrency', '1'];
    const { child, ended } = start(['warm', ...args]);
    await until(() => runs.includes('/hangs'), 15_000);
    child.kill(signal);
    expect(await ended).toEqual([
      code,
      expect.stringMatching(/^interrupted: 0 done, 0 failed in [\d.]+ s\n$/),
      '',
    ]);
  });
});
