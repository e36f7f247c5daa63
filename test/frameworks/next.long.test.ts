import { execFile } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Client, http1 } from '../support/client.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { checks, type Stage } from './support/checks.ts';
import { Project } from './support/project.ts';

/* A Next.js app, built here, behind the cache. It runs in a process of its own, as Next wants to. */

const FILES = {
  'package.json': '{ "name": "fixture", "private": true }',
  'next.config.mjs': 'export default { poweredByHeader: false };',
  // By Node's own methods, as all routes of this folder may.
  'pages/api/[...path].js': `
    export const config = { api: { bodyParser: false, externalResolver: true } };
    export default (req, res) => globalThis.origin.listener(req, res);`,
  'pages/stated.js': `
    let runs = 0;
    export const getServerSideProps = ({ res, query }) => {
      res.setHeader('Cache-Control', 'public, max-age=60');
      return { props: { run: ++runs, q: query.q ?? '' } };
    };
    export default ({ run, q }) => <p>{'run ' + run + ' for ' + q}</p>;`,
  'pages/personal.js': `
    let runs = 0;
    export const getServerSideProps = () => ({ props: { run: ++runs } });
    export default ({ run }) => <p>{'run ' + run}</p>;`,
  'app/layout.js': 'export default ({ children }) => <html><body>{children}</body></html>;',
  'app/static/page.js': 'export default () => <p>static page</p>;',
};

/** The app behind the cache, with the origin of all frameworks behind its API, and two ways in for the test. */
const SERVER = `
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import next from 'next';
import { redisCache } from 'redis-response-cache';

const { NEXT_DIR: dir, PREFIX: prefix, ORIGIN, TEST_REDIS_URL: redis } = process.env;
const { Origin } = createRequire(import.meta.url)(ORIGIN);
globalThis.origin = new Origin();

const app = next({ dev: false, dir });
await app.prepare();
const handle = app.getRequestHandler();
const cache = redisCache({ redis, prefix, timeout: '5s' });
// Next reads the cookies of every request for its API, be it for nothing.
const unguarded = cache.with({ guard: 'off' });

const server = createServer(async (req, res) => {
  if (req.url === '/test/idle') return cache.idle().then(() => res.end());
  if (req.url === '/test/purge') return res.end(String(await cache.purge({ all: true })));
  const layer = req.url.includes('guarded') ? cache : unguarded;
  return layer(req, res, () => handle(req, res));
});
server.listen(0, () => console.log(\`http://localhost:\${server.address().port}/\`));
`;

const project = new Project();
const dir = join(project.folder, 'fixture');
const env = { NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production', NEXT_DIR: dir };
let stage: Stage;
let ask: Client;

beforeAll(async () => {
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  symlinkSync(join(__dirname, '../../node_modules'), join(dir, 'node_modules'));
  const command = join(dir, 'node_modules/next/dist/bin/next');
  await promisify(execFile)(process.execPath, [command, 'build', '--webpack'], {
    cwd: dir,
    env: { ...process.env, ...env },
  });
  writeFileSync(join(project.folder, 'next-server.mjs'), SERVER);
  const ORIGIN = join(__dirname, 'support/origin.ts');
  const { url } = await project.run('next-server.mjs', { ...env, ORIGIN, PREFIX: uniquePrefix() });
  ask = http1(Number(url.port));
  stage = {
    ask,
    base: '/api',
    idle: async () => void (await ask({ path: '/test/idle' })),
    purge: async () => Number((await ask({ path: '/test/purge' })).body),
    close: async () => {},
  };
}, 300_000);

afterAll(async () => {
  await stage?.purge();
  await project.close();
});

describe('routes of an API', () => {
  test.each(Object.entries(checks))('%s', async (_name, check) => {
    await check(stage);
  });

  test('with the guard on, one that does not say that it is for all is not stored', async () => {
    const answer = await ask({ path: '/api/made?guarded' });
    expect(answer.header('cache-status')).toMatch(/detail="personal: cookie/);
  });
});

describe('pages', () => {
  test('one that says how long it may be stored is', async () => {
    const path = '/stated?q=a&guarded';
    const first = await ask({ path });
    await stage.idle();
    const second = await ask({ path });
    expect(first.body).toMatch(/run \d+ for a/);
    expect(second.body).toBe(first.body);
    expect(second.header('cache-status')).toMatch(/; hit; ttl=(?:60|5\d)$/);
    expect(second.header('content-type')).toBe(first.header('content-type'));
    expect((await ask({ path: '/stated?q=b&guarded' })).body).toMatch(/run \d+ for b/);
  });

  test('one that does not is made for each', async () => {
    const first = await ask({ path: '/personal?guarded' });
    await stage.idle();
    const second = await ask({ path: '/personal?guarded' });
    expect(first.header('cache-control')).toMatch(/private|no-store/);
    expect(second.header('cache-status')).not.toMatch(/hit/);
    expect(second.body).not.toBe(first.body);
  });

  test('what a router asks for of a page is not the page', async () => {
    const path = '/static?guarded';
    const headers = { RSC: '1' };
    for (let round = 0; round < 2; round++) {
      const sent = await ask({ path, headers });
      // Next wants it at a URL of its own.
      const location = sent.header('location');
      const payload = location ? await ask({ path: location, headers }) : sent;
      const page = await ask({ path });
      await stage.idle();
      expect(payload.header('content-type')).toMatch('text/x-component');
      expect(page.header('content-type')).toMatch('text/html');
      expect(page.body).toMatch(/^<!DOCTYPE html>.*static page/s);
      if (round > 0) expect(page.header('cache-status')).toMatch(/; hit;/);
    }
  });
});

test('examples/frameworks/next.mjs', async () => {
  const { url, child } = await project.run('frameworks/next.mjs', env);
  const request = http1(Number(url.port));
  const [first, second] = [await request({ path: '/stated' }), await request({ path: '/stated' })];
  expect(first.status).toBe(200);
  expect(second.header('cache-status')).toMatch(/; hit; ttl=/);
  expect(second.body).toBe(first.body);
  await project.stop(child);
});
