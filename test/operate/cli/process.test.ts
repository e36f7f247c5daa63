import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { redisCache } from '../../../src/index.ts';
import { build } from '../../support/build.ts';
import { uniquePrefix } from '../../support/prefix.ts';
import { startRedis } from '../../support/redis.ts';
import { until } from '../../support/until.ts';
import { url } from './support.ts';

/* The built command as a process: pipes, signals and terminals. */

const folder = mkdtempSync(join(tmpdir(), 'rrc-cli-'));
let command: string;
const prefix = uniquePrefix();
const cache = redisCache({ redis: url, prefix, timeout: '2s' });
const COUNT = 3000;

beforeAll(async () => {
  command = join((await build()).dist, 'cli.js');
  const names = Array.from({ length: COUNT }, (_, i) => `${i} ${'long '.repeat(20)}`);
  await Promise.all(names.map((name) => cache.store.set(name, name, { ttl: '5m' })));
}, 300_000);
afterAll(async () => {
  await cache.purge({ all: true });
  await cache.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Running {
  /** The output so far, of both streams. */
  said(): string;
  say(text: string): void;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<number | null>;
}

function start(file: string, args: readonly string[], more: Record<string, string> = {}): Running {
  const env = { ...process.env, REDIS_URL: url, TERM: 'xterm', NODE_ENV: '', ...more };
  const child = spawn(file, args, { env, stdio: 'pipe' });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => {
      said += text;
    });
  return {
    said: () => said,
    say: (text) => child.stdin.write(text),
    kill: (signal) => child.kill(signal),
    ended: once(child, 'close').then(([code]) => code),
  };
}

const run = (...args: string[]): Running => start(process.execPath, [command, ...args, '--prefix', prefix]);

describe('the command in a pipe', () => {
  test('ls --all writes all entries to a slow reader', async () => {
    const running = run('ls', '--all', '--json');
    expect(await running.ended).toBe(0);
    const found = running
      .said()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).key);
    expect(new Set(found).size).toBe(COUNT);
  });

  test.each([
    ['ls --all', 'head -n 1'],
    ['ls --all --json', 'head -c 10'],
    ['watch --json --interval 100ms', 'head -n 2'],
  ])('%s | %s ends with exit code 0 and no message', async (args, reader) => {
    const script = `"$0" "$1" ${args} --prefix ${prefix} | ${reader} > /dev/null; echo "code \${PIPESTATUS[0]}"`;
    const running = start('bash', ['-c', script, process.execPath, command]);
    expect(await running.ended).toBe(0);
    expect(running.said()).toBe('code 0\n');
  });
});

test('connects over TLS if Node trusts the CA, and reports the certificate if not', async () => {
  const redis = await startRedis({ tls: true, password: 'p@ss' });
  const ca = join(folder, 'ca.crt');
  writeFileSync(ca, redis.ca as string);
  const args = [command, 'stats', '--redis', `rediss://:p%40ss@127.0.0.1:${redis.port}`];
  const trusting = start(process.execPath, args, { NODE_EXTRA_CA_CERTS: ca });
  expect(await trusting.ended).toBe(0);
  expect(trusting.said()).toMatch(/^responses +0 /m);
  const other = start(process.execPath, args);
  expect(await other.ended).toBe(3);
  expect(other.said()).toMatch(
    /^redis-response-cache stats: cannot reach Redis at [^\n]*certificate[^\n]*\n$/,
  );
  await redis.stop();
});

describe('a signal to the command', () => {
  test.each<[NodeJS.Signals, number]>([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('%s ends watch with exit code %d and no message', async (signal, code) => {
    const running = run('watch', '--json', '--interval', '100ms');
    await until(() => running.said().split('\n').length > 2, 15_000);
    running.kill(signal);
    expect(await running.ended).toBe(code);
    expect(running.said()).toMatch(/^(?:\{.*\}\n)+$/);
  });
});

// `script` of util-linux gives a command a terminal.
describe('the command on a terminal', () => {
  const onTerminal = (...args: string[]): Running =>
    start('script', [
      '-qec',
      [process.execPath, command, ...args, '--prefix', prefix].join(' '),
      '/dev/null',
    ]);
  const ENTER = '\x1b[?1049h\x1b[?25l';
  const LEAVE = '\x1b[?25h\x1b[?1049l';

  test.each([
    ['q', 0],
    ['\x03', 130],
  ])('watch ends on %j with exit code %d, and restores the terminal', async (key, code) => {
    const running = onTerminal('watch', '--interval', '100ms');
    // At least the second update, with the counts of the first scan.
    await until(() => /rates\/s.*values +3,000.*rates\/s/s.test(running.said()), 15_000);
    running.say(key);
    expect(await running.ended).toBe(code);
    const said = running.said();
    expect(said.startsWith(ENTER)).toBe(true);
    expect(said.lastIndexOf(LEAVE)).toBeGreaterThan(said.lastIndexOf('rates/s'));
  });

  test('watch restores the terminal when the process crashes', async () => {
    const trigger = join(folder, 'crash');
    const crash = `import { existsSync } from 'node:fs';
      setInterval(() => { if (existsSync(${JSON.stringify(trigger)})) throw new Error('crashed'); }, 20).unref();`;
    const hook = join(folder, 'crash.mjs');
    writeFileSync(hook, crash);
    const line = [process.execPath, '--import', hook, command, 'watch', '--prefix', prefix].join(' ');
    const running = start('script', ['-qec', line, '/dev/null']);
    await until(() => running.said().includes('rates/s'), 15_000);
    writeFileSync(trigger, '');
    expect(await running.ended).not.toBe(0);
    const said = running.said();
    expect(said).toContain('Error: crashed');
    expect(said.lastIndexOf(LEAVE)).toBeGreaterThan(said.lastIndexOf('rates/s'));
  });

  test('purge --all asks for confirmation, and purges after yes only', async () => {
    for (const [answer, code] of [
      ['y\n', 1],
      ['\x03', 130],
    ] as const) {
      const running = onTerminal('purge', '--all');
      await until(() => running.said().includes('Type yes to continue: '), 15_000);
      await sleep(50);
      running.say(answer);
      expect(await running.ended).toBe(code);
    }
    expect((await cache.entries.measure()).values.count).toBe(COUNT);
    const running = onTerminal('purge', '--all');
    await until(() => running.said().includes('Type yes to continue: '), 15_000);
    running.say('yes\n');
    expect(await running.ended).toBe(0);
    expect(running.said()).toMatch(/3,000 entries purged\r?\n$/);
  });
});
