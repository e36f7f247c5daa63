import { readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import { type Program, Project } from '../frameworks/support/project.ts';
import type { Answer } from '../support/client.ts';
import { type Client, Http2Client, http1 } from '../support/client.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { startRedis } from '../support/redis.ts';
import { PAGES, snippets } from './support/snippets.ts';

/* The examples, and the programs of the pages on migrating, as they stand: run, and asked twice. */

// Each is a process to start, which takes a busy machine its time.
jest.setTimeout(60_000);

const project = new Project();
afterAll(() => project.close());

const HIT = /^redis-response-cache; hit; ttl=\d+$/;

/** The first and the second answer of a program to the URL that it tells. */
async function askedTwice(
  { url }: Program,
  ask: Client = http1(Number(url.port)),
  headers: Record<string, string> = {},
): Promise<[Answer, Answer]> {
  const asked = { path: url.pathname + url.search, headers };
  const first = await ask(asked);
  let second = await ask(asked);
  // It is stored a moment after it was sent.
  while (/fill-under-way|nothing-to-share/.test(second.header('cache-status') ?? ''))
    second = await ask(asked);
  return [first, second];
}

function expectCached([first, second]: [Answer, Answer]): void {
  expect(first.status).toBe(200);
  expect(first.header('cache-status')).toMatch(/^redis-response-cache; fwd=uri-miss/);
  expect(second.header('cache-status')).toMatch(HIT);
  expect(second.body).toBe(first.body);
}

const TOLD: Readonly<Record<string, Record<string, string>>> = {
  'key-by-user.mjs': { authorization: 'Bearer ada' },
};
const alone = readdirSync('examples').filter((file) => file.endsWith('.mjs') && file !== 'from-source.mjs');

test.each(alone)('examples/%s', async (file) => {
  const redis = file === 'tls.mjs' ? await startRedis({ tls: true, password: 'secret' }) : undefined;
  const ca = join(project.folder, 'ca.pem');
  if (redis) writeFileSync(ca, redis.ca as string);
  const url = redis && `rediss://:secret@${redis.host}:${redis.port}`;
  const program = await project.run(file, { REDIS_URL: url, ...(redis && { REDIS_CA: ca }) });
  expectCached(await askedTwice(program, undefined, TOLD[file]));
  expect(program.errors()).toBe('');
  await project.stop(program.child);
  await redis?.stop();
});

const examples = readdirSync('examples/frameworks').filter((file) => file !== 'next.mjs');

test.each(examples)('examples/frameworks/%s', async (file) => {
  const program = await project.run(join('frameworks', file));
  const client = file === 'http2.mjs' ? new Http2Client(program.url.origin) : undefined;
  expectCached(await askedTwice(program, client?.ask));
  await client?.close();
  expect(program.errors()).toBe('');
  await project.stop(program.child);
});

test('the controller of the NestJS example purges', async () => {
  const { url, child } = await project.run('frameworks/nest.mjs');
  const ask = http1(Number(url.port));
  await ask({ path: url.pathname });
  const added = await ask({ method: 'POST', path: `${url.pathname}/Rome` });
  expect(added.body).toBe('{"purged":1}');
  expect((await ask({ path: url.pathname })).body).toMatch('"Berlin","Paris","Rome"');
  await project.stop(child);
});

describe('the programs of the documentation', () => {
  const programs = snippets.flatMap(({ page, mark, code }) => {
    const path = /^run: (.*)/.exec(mark)?.[1];
    return path === undefined ? [] : [{ page, path, code }];
  });

  test('are on every page on migrating', () => {
    const pages = PAGES.filter((page) => /^docs.migrating.(?!README)/.test(page));
    const shown = snippets.filter(({ mark }) => /^(run|file): /.test(mark)).map(({ page }) => page);
    expect(shown).toEqual(expect.arrayContaining(pages));
  });

  test.each(programs)('$page: it caches $path', async ({ page, path, code }) => {
    const told = `listen(0, function () { console.log('http://localhost:' + this.address().port + '${path}') })`;
    const file = join(project.folder, `${basename(page)}.mjs`);
    expect(code).toMatch('listen(3000)');
    const { hostname, port, href } = new URL(process.env.TEST_REDIS_URL as string);
    const own = code
      .replace("'redis://localhost:6379'", `'${href}'`)
      .replace("{ host: 'localhost', port: 6379 }", `{ host: '${hostname}', port: ${port} }`);
    expect(own).not.toBe(code);
    const named = own.replace(/redisCache\(\{/, `$& prefix: '${uniquePrefix()}',`);
    writeFileSync(file, named.replace('listen(3000)', told));
    const program = await project.run(file);
    expectCached(await askedTwice(program));
    expect(program.errors()).toBe('');
    await project.stop(program.child);
  });
});
