import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { main } from '../../src/cli/main.ts';
import { redisCache } from '../../src/index.ts';
import { newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { uniquePrefix } from '../support/prefix.ts';

/*
 * The samples of the command in docs/command.md: each `$ npx redis-response-cache ...` in a block is run
 * on the responses below, and must write what follows it, but for figures and the order of lines.
 */

const PAGE = readFileSync('docs/command.md', 'utf8');
const redis = process.env.TEST_REDIS_URL as string;
const COMMANDS = ['ls', 'show', 'explain', 'purge', 'stats', 'watch', 'warm'];

let prefix: string;

/** Two leads, one of them stale, a page of news in two languages, and a value. */
beforeEach(async () => {
  prefix = uniquePrefix();
  let ageMs = 0;
  const clock = (): number => Date.now() - ageMs;
  const cache = newCache({
    redis,
    prefix,
    clock,
    tags: (req) => [req.url?.includes('news') ? 'news' : 'leads'],
  });
  const port = await serve((req, res) =>
    cache(req, res, () => {
      if (req.url === '/news')
        res.setHeader('Vary', 'Accept-Language').setHeader('Cache-Control', 'public, max-age=600');
      if (req.url === '/leads/7') res.setHeader('Cache-Control', 'max-age=120').setHeader('ETag', '"7"');
      if (req.url === '/leads/7') res.statusCode = 404;
      res.setHeader('Content-Type', 'application/json');
      res.end(JSON.stringify('x'.repeat(req.url === '/leads?page=2' ? 2300 : 100)));
    }),
  );
  const get = async (host: string, path: string, age: number, headers = {}): Promise<void> => {
    ageMs = age;
    await ask(port, { path, headers: { Host: host, ...headers } });
    await cache.idle();
  };
  await get('api.example.com', '/leads?page=2', 12_000);
  await get('api.example.com', '/leads/7', 180_000);
  await get('www.example.com', '/news', 65_000, { 'Accept-Language': 'de' });
  await get('www.example.com', '/news', 63_000, { 'Accept-Language': 'en' });
  ageMs = 5000;
  await cache.store.set(['rates', 'EUR'], { eur: 1 }, { ttl: '10m' });
  ageMs = 0;
});
afterEach(async () => {
  const cache = redisCache({ redis, prefix, timeout: '5s' });
  await cache.purge({ all: true });
  await cache.close();
});

async function run(args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const output = (name: 'out' | 'err') => ({
    write(text: string | Uint8Array) {
      said[name] += text;
    },
  });
  const { signal } = new AbortController();
  const env = { REDIS_URL: redis };
  const io = { input: Readable.from([]), out: output('out'), err: output('err'), env, signal, version: '0' };
  const place = args[0] === 'warm' || args.includes('--prefix') ? [] : ['--prefix', prefix];
  return { code: await main([...args, ...place], io), ...said };
}

interface Sample {
  readonly command: string;
  readonly output: string;
}

function samplesOf(page: string): Sample[] {
  const blocks = [...page.matchAll(/^```\n(\$ [\s\S]*?)^```/gm)].map(([, block = '']) => block);
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .filter((part) => part.startsWith('npx redis-response-cache '))
      .map((part) => {
        const end = part.indexOf('\n');
        return { command: part.slice('npx redis-response-cache '.length, end), output: part.slice(end + 1) };
      }),
  );
}

const argsOf = (command: string): string[] =>
  [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word = '']) => quoted ?? word);

/** The lines, sorted, without figures, the prefix and the address of Redis. */
function normal(text: string): string[] {
  return text
    .replaceAll(new RegExp(`\\b${prefix}`, 'g'), 'rrc:')
    .replaceAll(/\b(?:127\.0\.0\.1|localhost):\d+/g, 'REDIS')
    .replaceAll(/http:/g, 'https:')
    .replaceAll(/-?\d[\d,.:TZ-]*/g, 'N')
    .replaceAll(/"[0-9A-Za-z+/=_-]{16,}"/g, '"..."')
    .replaceAll(/ +/g, ' ')
    .split('\n')
    .filter(Boolean)
    .sort();
}

describe('docs/command.md shows what the command writes:', () => {
  test.each(samplesOf(readFileSync('docs/command.md', 'utf8')))('$command', async ({ command, output }) => {
    const { out, err } = await run(argsOf(command));
    expect(normal(out + err)).toEqual(normal(output));
  });
});

describe('docs/command.md', () => {
  test('has samples', () => {
    expect(samplesOf(PAGE).length).toBeGreaterThan(4);
  });

  test('names every command and option, and no other option', async () => {
    const options = new Set<string>();
    for (const command of COMMANDS) {
      expect(PAGE).toContain(`| \`${command}`);
      const { out } = await run([command, '--help']);
      for (const [option] of out.matchAll(/(?<=^ {2,4}(?:-H, )?)--[a-z-]+/gm)) options.add(option);
    }
    expect(options.size).toBeGreaterThan(25);
    const named = new Set([...PAGE.matchAll(/`(?:-H, )?(--[a-z-]+)/g)].map(([, option = '']) => option));
    expect([...options].filter((option) => !named.has(option))).toEqual([]);
    const general = ['--help', '--version'];
    expect([...named].filter((option) => !options.has(option) && !general.includes(option))).toEqual([]);
  });

  test.each([
    'ls',
    'show https://api.example.com/leads?page=2',
    'explain https://api.example.com/leads?page=2',
    'purge --tag leads',
    'stats',
  ])('has the properties of %s --json, in this order', async (command) => {
    const { out } = await run([...argsOf(command), '--json']);
    const [line = ''] = out
      .split('\n')
      .filter((text) => text.includes('"kind":"response"') || !/^ls|^show/.test(command));
    const [name = ''] = command.split(' ');
    const row = new RegExp(`^\\| \`${name} --json\` \\| .* \\| (.*) \\|$`, 'm').exec(PAGE)?.[1] ?? '';
    const properties = [...row.replace(/;.*/, '').matchAll(/`([\w.]+)`/g)].map(
      ([, property = '']) => property,
    );
    const whole = (['ls', 'show'].includes(name) ? ENTRY : []).concat(properties);
    expect(whole).toEqual(Object.keys(JSON.parse(line)));
  });
});

/** The properties of an entry, which the page lists once. */
const ENTRY: string[] = [
  ...(/^An entry has (.*?)\. An entry that/ms.exec(PAGE)?.[1] ?? '').matchAll(/`(\w+)`/g),
].map(([, property = '']) => property);
