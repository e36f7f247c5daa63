import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { snippets } from '../docs/support/snippets.ts';
import { build } from '../support/build.ts';

/*
 * The programs of docs/testing.md, and small ones for each kind of module, beside the packed package: run by jest, vitest,
 * `node --test` and alone.
 */

// Each is a process to start, which takes a busy machine its time.
jest.setTimeout(120_000);

const run = promisify(execFile);
const ROOT = join(__dirname, '../..');
const NAME = 'redis-response-cache';
const folder = mkdtempSync(join(tmpdir(), 'rrc-testing-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const BESIDE = [
  ...['@fastify/middie', '@jest/globals', '@types/express', '@types/node', '@types/supertest', 'express'],
  ...['fastify', 'ioredis', 'supertest', 'vitest'],
];

/** A test of its own, by what every kind of module has. */
const BODY = `
interface Answer { headers: Record<string, string> }

test('a response is a hit, until it is stale', async () => {
  const cache = testCache({ ttl: '1h' });
  const app = express();
  app.use(cache);
  app.get('/', (_req, res) => { res.send('made'); });
  const ask = async (): Promise<Answer> => request(app).get('/');
  expectMiss(await ask());
  const outage = cache.outage('away');
  expectForwarded(await ask(), 'unavailable');
  outage.end();
  await cache.advance('59m');
  const { ttlSeconds } = expectHit(await ask());
  assert.equal(ttlSeconds, 60);
  await cache.advance('1m');
  expectMiss(await ask());
  expectNoLeaks(await asCallers(app, [{ name: 'a stranger' }], ['/'], { cache }));
  await cache.reset();
  assert.throws(() => expectHit({ headers: {} }), /has no Cache-Status/);
});
`;
const KIT = 'asCallers, expectForwarded, expectHit, expectMiss, expectNoLeaks, testCache';
const IMPORTS = `
import assert from 'node:assert/strict';
import { test } from 'node:test';
import express from 'express';
import { ${KIT} } from '${NAME}/testing';
import request from 'supertest';
`;
const REQUIRES = `
const assert = require('node:assert/strict');
const { test } = require('node:test');
const express = require('express');
const { ${KIT} } = require('${NAME}/testing');
const request = require('supertest');
`;
const TS_REQUIRES = `
import assert = require('node:assert/strict');
import nodeTest = require('node:test');
import express = require('express');
import kit = require('${NAME}/testing');
import request = require('supertest');
const { test } = nodeTest;
const { ${KIT} } = kit;
`;
/** JavaScript has no types. */
const untyped = BODY.replace(/^interface .*$/m, '').replace(': Promise<Answer>', '');

/** With jest, an app that makes its cache itself is given a test cache. */
const JEST_MOCK = `
jest.mock('${NAME}', () => ({
  ...jest.requireActual('${NAME}'),
  redisCache: jest.requireActual('${NAME}/testing').testCache,
}));
const { redisCache } = require('${NAME}');
const { expectHit } = require('${NAME}/testing');
const request = require('supertest');

test('a response is a hit', async () => {
  const cache = redisCache({ redis: 'redis://127.0.0.1:1', ttl: '1h' });
  const app = require('express')().use(cache, (_req, res) => res.send('made'));
  await request(app).get('/');
  await cache.advance('59m');
  expectHit(await request(app).get('/'));
});
`;

const TSCONFIG = {
  compilerOptions: {
    module: 'nodenext',
    target: 'es2022',
    strict: true,
    exactOptionalPropertyTypes: true,
    esModuleInterop: true,
    // Our declarations must be sound in themselves.
    skipLibCheck: false,
    outDir: 'built',
    types: ['node'],
  },
  files: ['own.mts', 'own.cts'],
};

const page = snippets.filter((snippet) => snippet.page === 'docs/testing.md');
const files = page.flatMap(({ mark, code }) => {
  const name = /^file: (.*)/.exec(mark)?.[1];
  return name === undefined ? [] : [{ name, code }];
});

/** What docs/testing.md shows as the output of a program. */
function shown(name: string): string {
  const text = readFileSync(join(ROOT, 'docs/testing.md'), 'utf8');
  return text.split(`<!-- output: ${name} -->\n\`\`\`\n`)[1]?.split('\n```')[0] ?? '';
}

beforeAll(async () => {
  const { tarball } = await build();
  const installed = join(folder, 'node_modules', NAME);
  mkdirSync(installed, { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']);
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  for (const name of [...Object.keys(dependencies), ...BESIDE]) {
    mkdirSync(dirname(join(folder, 'node_modules', name)), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  }
  const own = {
    'package.json': JSON.stringify({ type: 'module' }),
    'own.mjs': IMPORTS + untyped,
    'own.cjs': REQUIRES + untyped,
    'own.mts': IMPORTS + BODY,
    'own.cts': TS_REQUIRES + BODY,
    'own.vitest.js': IMPORTS.replace('node:test', 'vitest') + untyped,
    'own.jest.js': IMPORTS.replace("{ test } from 'node:test'", "{ test } from '@jest/globals'") + untyped,
    'own.jest.cjs': REQUIRES.replace(/^.*node:test.*$/m, '') + untyped,
    'mock.jest.cjs': JEST_MOCK,
    'vitest.config.js': "export default { test: { include: ['*.vitest.js'] } };",
    'tsconfig.json': JSON.stringify(TSCONFIG),
  };
  for (const [name, text] of Object.entries(own)) writeFileSync(join(folder, name), text);
  for (const { name, code } of files) writeFileSync(join(folder, name), code);
}, 300_000);

/** Runs Node in the project. A program that fails rejects, with what it has written. */
async function node(...args: string[]): Promise<string> {
  const env = {
    ...process.env,
    NODE_ENV: undefined,
    FORCE_COLOR: undefined,
    NO_COLOR: '1',
    NODE_OPTIONS: '',
  };
  try {
    const { stdout, stderr } = await run(process.execPath, args, { cwd: folder, env });
    return stdout + stderr;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${args.join(' ')} failed:\n${stdout}${stderr}`);
  }
}

const jestFile = (file: string): Promise<string> =>
  node(
    '--experimental-vm-modules',
    join(ROOT, 'node_modules/jest/bin/jest.js'),
    ...[
      '--rootDir',
      folder,
      '--testRegex',
      '\\.jest\\.c?js$',
      '--watchman=false',
      '--runInBand',
      '--runTestsByPath',
    ],
    join(folder, file),
  );
const vitest = (): Promise<string> => node(join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run');
const nodeTest = (file: string): Promise<string> => node('--test', file);

describe('the tests of docs/testing.md', () => {
  const named = (ending: string): string[] =>
    files.map(({ name }) => name).filter((name) => name.endsWith(ending));

  test('are one or two for each runner', () => {
    expect(named('.jest.js')).toEqual(['leads.jest.js']);
    expect(named('.vitest.js')).toEqual(['leads.vitest.js', 'own-cache.vitest.js']);
    expect(named('.node.js')).toEqual(['leads.node.js', 'outage.node.js']);
  });

  test.each(named('.jest.js'))('pass under jest: %s', async (file) => {
    expect(await jestFile(file)).toMatch(/Tests: +1 passed, 1 total/);
  });

  test.each(named('.node.js'))('pass under node --test: %s', async (file) => {
    expect(await nodeTest(file)).toMatch(/^# fail 0$/m);
  });

  test('pass under vitest', async () => {
    // With the one that is not of the page.
    expect(await vitest()).toMatch(/Tests +3 passed/);
  });

  test('fail if the app does not mount the cache', async () => {
    const code = readFileSync(join(folder, 'leads.node.js'), 'utf8').replace('app.use(cache);', '');
    writeFileSync(join(folder, 'uncached.node.js'), code);
    await expect(nodeTest('uncached.node.js')).rejects.toThrow('The response has no Cache-Status');
  });
});

describe('the output that docs/testing.md shows is that of', () => {
  test('failure.js, which fails', async () => {
    expect(shown('failure.js')).not.toBe('');
    await expect(node('failure.js')).rejects.toThrow(shown('failure.js'));
  });

  test('audit.js', async () => {
    const lines = (await node('audit.js')).trim().split('\n');
    const expected = shown('audit.js').split('\n');
    // The page cuts the sentences that explain the words.
    const cut = lines.map((line, i) => {
      const start = /^(.*) \.\.\.$/.exec(expected[i] ?? '')?.[1];
      return start !== undefined && line.startsWith(start) ? `${start} ...` : line;
    });
    expect(cut).toEqual(expected);
  });
});

describe('the packed kit works in', () => {
  test.each(['own.mjs', 'own.cjs'])('node --test: %s', async (file) => {
    expect(await nodeTest(file)).toMatch(/^# fail 0$/m);
  });

  test('TypeScript, compiled strictly as ES module and as CommonJS', async () => {
    await node(join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder);
    for (const file of ['built/own.mjs', 'built/own.cjs'])
      expect(await nodeTest(file)).toMatch(/^# fail 0$/m);
  });

  test.each(['own.jest.js', 'own.jest.cjs', 'mock.jest.cjs'])('jest: %s', async (file) => {
    expect(await jestFile(file)).toMatch(/Tests: +1 passed, 1 total/);
  });
});
