import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { deadLinks, markdownBelow } from '../docs/support/links.ts';
import { build } from '../support/build.ts';
import { uniquePrefix } from '../support/prefix.ts';

/*
 * The package as its users get it: packed, unpacked into a project outside this repo, and run there
 * from every kind of module. Only what package.json declares is beside it, so that an undeclared
 * dependency is missing here, too, be it of the code or of its types.
 */

const run = promisify(execFile);
const ROOT = join(__dirname, '../..');
const NAME = 'redis-response-cache';
const folder = mkdtempSync(join(tmpdir(), 'rrc-package-'));

/** The versions of ioredis that there may be beside it, by what they are called here. */
const CLIENTS = { 'ioredis 5': 'ioredis5', 'ioredis 6': 'ioredis' };
/** A project with one of them. */
const projectWith = (client: string): string => join(folder, client.replace(' ', '-'));
const project = projectWith('ioredis 6');
const installed = join(project, 'node_modules', NAME);

const IMPORTS = `
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { metrics, trace } from '@opentelemetry/api';
import express from 'express';
import { Redis } from 'ioredis';
import { redisCache } from '${NAME}';
import { inspector } from '${NAME}/inspector';
import { otel } from '${NAME}/otel';
import { prometheus } from '${NAME}/prometheus';
import { Registry } from 'prom-client';
`;

const TS_REQUIRES = `
import assert = require('node:assert/strict');
import events = require('node:events');
import fs = require('node:fs');
import api = require('@opentelemetry/api');
import express = require('express');
import ioredis = require('ioredis');
import cache = require('${NAME}');
import byInspector = require('${NAME}/inspector');
import byOtel = require('${NAME}/otel');
import byPrometheus = require('${NAME}/prometheus');
import prom = require('prom-client');
const { once } = events;
const { readFileSync } = fs;
const { metrics, trace } = api;
const { Redis } = ioredis;
const { redisCache } = cache;
const { inspector } = byInspector;
const { otel } = byOtel;
const { prometheus } = byPrometheus;
const { Registry } = prom;
`;

const REQUIRES = `
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const { metrics, trace } = require('@opentelemetry/api');
const express = require('express');
const { Redis } = require('ioredis');
const { redisCache } = require('${NAME}');
const { inspector } = require('${NAME}/inspector');
const { otel } = require('${NAME}/otel');
const { prometheus } = require('${NAME}/prometheus');
const { Registry } = require('prom-client');
`;

/** The main job, in process, by a URL and by a client of the app's own, with what every entry has: plain JavaScript that is strict TypeScript as well. */
const BODY = `
const { PREFIX: prefix = '', TEST_REDIS_URL: redis = '' } = process.env;

async function main() {
  const client = new Redis(redis);
  for (const where of [{}, { redis, prefix: prefix + 'url:' }, { redis: client, prefix }]) {
    const cache = redisCache({ ttl: '1h', timeout: '10s', ...where });
    const register = new Registry();
    prometheus(cache, { register });
    otel(cache, { meter: metrics.getMeter('app'), tracer: trace.getTracer('app') });
    let runs = 0;
    const app = express()
      .use('/cache', inspector(cache, { authorize: 'development' }))
      .use(cache)
      .get('/', (_req, res) => { res.json({ runs: ++runs }); });
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert(address && typeof address === 'object');

    const first = await fetch('http://127.0.0.1:' + address.port);
    assert.deepEqual(await first.json(), { runs: 1 });
    await cache.idle();
    const second = await fetch('http://127.0.0.1:' + address.port);
    assert.deepEqual(await second.json(), { runs: 1 });
    assert.equal(runs, 1);
    assert.match(second.headers.get('cache-status') ?? '', /hit/);

    assert.match(await register.metrics(), /requests_total\\{cache="redis-response-cache",outcome="hit"\\} 1/);

    const base = 'http://127.0.0.1:' + address.port;
    for (const file of ['/cache/', '/cache/main.js', '/cache/page.css']) {
      const page = await fetch(base + file);
      assert.equal(page.status, 200);
      assert((await page.text()).length > 1000);
    }

    server.close();
    server.closeAllConnections();
    await cache.close();
  }
  const { version } = JSON.parse(readFileSync('node_modules/ioredis/package.json', 'utf8'));
  client.disconnect();
  console.log('works with ioredis', version.split('.')[0]);
}

main();
`;

const TSCONFIG = {
  compilerOptions: {
    module: 'nodenext',
    target: 'es2022',
    strict: true,
    exactOptionalPropertyTypes: true,
    // Our declarations must be sound in themselves.
    skipLibCheck: false,
    outDir: 'built',
    types: ['node'],
  },
  files: ['app.mts', 'app.cts'],
};

beforeAll(async () => {
  const { tarball } = await build();
  for (const [client, alias] of Object.entries(CLIENTS)) await install(tarball, projectWith(client), alias);
}, 300_000);

async function install(tarball: string, project: string, ioredis: string): Promise<void> {
  const modules = join(project, 'node_modules');
  const installed = join(modules, NAME);
  mkdirSync(installed, { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']);

  const { dependencies, bin } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  const beside = ['express', '@types/express', '@types/node', 'prom-client', '@opentelemetry/api'];
  const links = [...Object.keys(dependencies), ...beside].map((name) => [name, name]);
  for (const [name = '', target = ''] of [...links, ['ioredis', ioredis]]) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', target), join(modules, name));
  }
  // As npm links it, and makes it executable.
  mkdirSync(join(modules, '.bin'));
  symlinkSync(join(installed, bin[NAME]), join(modules, '.bin', NAME));
  chmodSync(join(installed, bin[NAME]), 0o755);

  const files = {
    'app.mjs': IMPORTS + BODY,
    'app.cjs': REQUIRES + BODY,
    'app.mts': IMPORTS + BODY,
    'app.cts': TS_REQUIRES + BODY,
    'tsconfig.json': JSON.stringify(TSCONFIG),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(project, name), text);
}

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the tarball holds the build, its documentation, and nothing else', () => {
  expect(readdirSync(installed).sort()).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'SECURITY.md',
    'dist',
    'docs',
    'examples',
    'llms.txt',
    'package.json',
  ]);
  // What several entries share stands in files of its own, named by its content.
  const shared = /^[a-z-]+-[\w-]{8}\.(?:js|d\.ts|d\.cts)$/;
  const entry = (name: string): string[] => ['cjs', 'd.cts', 'd.ts', 'js'].map((ext) => `${name}.${ext}`);
  expect(readdirSync(join(installed, 'dist')).filter((file) => !shared.test(file))).toEqual(
    ['cli.js', ...['index', 'inspector', 'otel', 'prometheus', 'testing'].flatMap(entry)].sort(),
  );
});

test('every relative link of the packed documentation leads to a file of the tarball', () => {
  const pages = [...markdownBelow(installed), 'llms.txt'];
  expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/options.md', 'examples/README.md']));
  const dead = pages.flatMap((page) => deadLinks(installed, page).map((link) => `${page}: ${link}`));
  expect(dead).toEqual([]);
});

test('npm runs no script of the package when it is installed', () => {
  const { scripts } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  // `prepare` is run by an installation from a repository only, but is reported as an install script.
  const atInstall = [
    'preinstall',
    'install',
    'postinstall',
    'prepublish',
    'preprepare',
    'prepare',
    'postprepare',
  ];
  expect(Object.keys(scripts).filter((name) => atInstall.includes(name))).toEqual([]);
});

test('the packed command tells its version, and what it takes', async () => {
  const npx = ['--no', '--', NAME];
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  expect((await run('npx', [...npx, '--version'], { cwd: project })).stdout).toBe(`${version}\n`);
  await expect(run('npx', [...npx, 'warm'], { cwd: project })).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^redis-response-cache warm: no URL given: .* See --help\.\n$/),
  });
}, 60_000);

test('examples/minute, with the package.json of its README, starts and caches', async () => {
  const minute = join(installed, 'examples/minute');
  const [, manifest = ''] =
    /```json\n([\s\S]*?)```/.exec(readFileSync(join(minute, 'README.md'), 'utf8')) ?? [];
  const own = join(project, 'minute');
  mkdirSync(own);
  writeFileSync(join(own, 'package.json'), manifest);
  copyFileSync(join(minute, 'index.mjs'), join(own, 'index.mjs'));
  // As `npm start` runs it, without a npm between that would outlive a signal.
  const [command, ...args] = JSON.parse(manifest).scripts.start.split(' ');
  const env = { ...process.env, PORT: '0' };
  const program = spawn(command, args, { cwd: own, env, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [url] = await once(createInterface(program.stdout), 'line');
    const first = await fetch(`${url}report`);
    const second = await fetch(`${url}report`);
    expect(first.headers.get('cache-status')).toBe('redis-response-cache; fwd=uri-miss; stored');
    expect(second.headers.get('cache-status')).toMatch(/^redis-response-cache; hit; ttl=\d+$/);
    expect(await second.text()).toBe(await first.text());
  } finally {
    program.kill();
  }
}, 60_000);

test.each([
  ['an ES module', 'refused.mjs', `import { redisCache } from '${NAME}';`],
  ['a CommonJS module', 'refused.cjs', `const { redisCache } = require('${NAME}');`],
])('a wrong option in %s prints OptionError as the class of the uncaught error', async (_, file, head) => {
  writeFileSync(join(project, file), `${head} redisCache({ tttl: 1 });`);
  const failed = await run(process.execPath, [file], { cwd: project }).catch((failure) => failure);
  expect(failed.stderr).toMatch(/^OptionError: Unknown option "tttl"/m);
});

describe.each(Object.keys(CLIENTS))('beside %s the packed package caches for', (client) => {
  const works = `works with ${client}\n`;

  test.each([
    ['an ES module', 'app.mjs'],
    ['a CommonJS module', 'app.cjs'],
  ])('%s', async (_, file) => {
    expect(await runs(projectWith(client), file)).toBe(works);
  });

  test('TypeScript, compiled strictly as ES module and as CommonJS', async () => {
    const project = projectWith(client);
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const { stdout } = await run(process.execPath, [tsc, '-p', project]).catch((failure) => failure);
    expect(stdout).toBe('');
    expect(await runs(project, 'built/app.mjs')).toBe(works);
    expect(await runs(project, 'built/app.cjs')).toBe(works);
  }, 60_000);
});

describe('without ioredis', () => {
  const project = join(folder, 'without-ioredis');
  const CODE = `
    redisCache({ ttl: '1h' });
    redisCache({ redis: { status: 'ready', options: {}, hgetBuffer() {}, evalsha() {} } });
    try {
      redisCache({ redis: 'redis://localhost' });
    } catch ({ name, code, message }) {
      console.log(name, code, message);
    }`;

  beforeAll(async () => {
    await install((await build()).tarball, project, 'ioredis');
    rmSync(join(project, 'node_modules/ioredis'));
  }, 300_000);

  test.each([
    ['an ES module', 'app.mjs', `import { redisCache } from '${NAME}';`],
    ['a CommonJS module', 'app.cjs', `const { redisCache } = require('${NAME}');`],
  ])('%s makes caches, and a URL is refused with what to install', async (_, file, head) => {
    writeFileSync(join(project, file), head + CODE);
    expect(await runs(project, file)).toBe(
      'DependencyError ERR_RRC_DEPENDENCY The option "redis" needs a client: npm install ioredis, or redis, or iovalkey\n',
    );
  });
});

/** With one library and no ioredis: a URL, and a client of the app's own. */
describe.each([
  [
    'redis',
    'import { createClient } from "redis";',
    'const own = await createClient({ url }).on("error", () => {}).connect();',
    'own.destroy();',
  ],
  [
    'iovalkey',
    'import { Redis } from "iovalkey";',
    'const own = new Redis(url).on("error", () => {});',
    'own.disconnect();',
  ],
])('with %s only', (library, line, begin, end) => {
  const project = join(folder, `only-${library}`);
  const program = (imports: string): string => `${imports}
    const url = process.env.TEST_REDIS_URL as string;
    async function asked(redis: CacheOptions['redis'], prefix: string): Promise<void> {
      const app = express();
      const cache = redisCache({ redis, prefix, ttl: '1h', timeout: '1s' });
      app.use(cache);
      app.get('/', (_req, res) => void res.send('made'));
      const server = app.listen(0);
      await new Promise((listening) => server.once('listening', listening));
      const { port } = server.address() as { port: number };
      await fetch(\`http://localhost:\${port}/\`);
      await cache.idle();
      const { headers } = await fetch(\`http://localhost:\${port}/\`);
      console.log(headers.get('cache-status'));
      server.close();
      server.closeAllConnections();
      await cache.close();
    }
    void (async () => {
      await asked(url, 'a' + process.env.PREFIX);
      ${begin}
      await asked(own, 'b' + process.env.PREFIX);
      ${end}
    })();`;
  const IMPORTS = [
    `import express from 'express';`,
    `import { type CacheOptions, redisCache } from '${NAME}';`,
    line,
  ].join('\n');
  const TWO_HITS = /^(?:redis-response-cache; hit; ttl=\d+\n){2}$/;

  beforeAll(async () => {
    await install((await build()).tarball, project, 'ioredis');
    rmSync(join(project, 'node_modules/ioredis'));
    symlinkSync(join(ROOT, 'node_modules', library), join(project, 'node_modules', library));
    writeFileSync(join(project, 'only.mts'), program(IMPORTS));
    // As TypeScript writes it for CommonJS.
    writeFileSync(join(project, 'only.cts'), program(IMPORTS));
    const config = { ...TSCONFIG, files: ['only.mts', 'only.cts'] };
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config));
  }, 300_000);

  test('the packed package compiles, and caches by a URL and by a client, as ES module and as CommonJS', async () => {
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const { stdout } = await run(process.execPath, [tsc, '-p', project]).catch((failure) => failure);
    expect(stdout).toBe('');
    expect(await runs(project, 'built/only.mjs')).toMatch(TWO_HITS);
    expect(await runs(project, 'built/only.cjs')).toMatch(TWO_HITS);
  }, 60_000);
});

async function runs(project: string, file: string): Promise<string> {
  const env = { ...process.env, PREFIX: uniquePrefix() };
  const { stdout } = await run(process.execPath, [file], { cwd: project, env, timeout: 15_000 });
  return stdout;
}
