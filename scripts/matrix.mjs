// node scripts/matrix.mjs [VERSION...]     tries the packed package on each Node, and writes docs/support.md's table
//
// It needs the npm registry, and a redis-server on the PATH.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGE = join(ROOT, 'docs/support.md');
const VERSIONS = process.argv.length > 2 ? process.argv.slice(2) : ['20', '22', '24', '26'];
/** What is installed beside the package, as its peer ranges allow. */
const BESIDE = [
  ['Express 5, ioredis 6', ['express@5', 'ioredis@6']],
  ['Express 4, ioredis 5', ['express@4', 'ioredis@5']],
];
const MODULES = ['ESM', 'CJS'];

const folder = mkdtempSync(join(tmpdir(), 'rrc-matrix-'));
const redis = await startRedis();
try {
  execFileSync(process.execPath, [join(ROOT, 'scripts/build.mjs')], { stdio: 'inherit' });
  const projects = BESIDE.map(([title, beside], i) => ({ title, path: project(`project-${i}`, beside) }));
  const rows = [];
  for (const version of VERSIONS) {
    const node = installed(version);
    rows.push(node ? await tried(version, node, projects) : notRun(version));
    console.log(rows.at(-1).join('  '));
  }
  write(rows);
} finally {
  redis.child.kill();
  rmSync(folder, { recursive: true, force: true });
}

/** A project that has the package from its tarball, and a program for each kind of module. */
function project(name, beside) {
  const path = join(folder, name);
  mkdirSync(path);
  writeFileSync(join(path, 'package.json'), '{}');
  npm(path, join(ROOT, 'package.tgz'), 'prom-client@15', ...beside);
  copyFileSync(join(ROOT, 'scripts/matrix/smoke.mjs'), join(path, 'smoke.mjs'));
  const names = [
    ['express', 'express'],
    ['{ Redis }', 'ioredis'],
    ['{ Registry }', 'prom-client'],
    ['{ redisCache }', 'redis-response-cache'],
    ['{ inspector }', 'redis-response-cache/inspector'],
    ['{ prometheus }', 'redis-response-cache/prometheus'],
  ];
  const modules = '{ express, Redis, Registry, redisCache, inspector, prometheus }';
  const esm = names.map(([what, from]) => `import ${what} from '${from}';\n`).join('');
  const cjs = names.map(([what, from]) => `const ${what} = require('${from}');\n`).join('');
  writeFileSync(
    join(path, 'ESM.mjs'),
    `${esm}import { smoke } from './smoke.mjs';\nsmoke(${modules}, process.env.REDIS_URL);\n`,
  );
  writeFileSync(
    join(path, 'CJS.cjs'),
    `${cjs}import('./smoke.mjs').then(({ smoke }) => smoke(${modules}, process.env.REDIS_URL));\n`,
  );
  return path;
}

/** The binary of a version of Node, from npm's package `node`; none where it cannot be had. */
function installed(version) {
  const path = join(folder, `node-${version}`);
  mkdirSync(path);
  // The binary comes by an install script.
  writeFileSync(join(path, 'package.json'), JSON.stringify({ allowScripts: { node: true } }));
  try {
    npm(path, `node@${version}`);
    const node = join(path, 'node_modules/node/bin/node');
    execFileSync(node, ['--version']);
    return node;
  } catch {
    return undefined;
  }
}

function npm(path, ...packages) {
  execFileSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', ...packages], {
    cwd: path,
    stdio: 'pipe',
  });
}

/** One row of the table. */
async function tried(version, node, projects) {
  const exact = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim().slice(1);
  const cells = [];
  let zstd = 'yes';
  for (const { path } of projects) {
    for (const kind of MODULES) {
      const results = run(node, path, kind);
      if (results.zstd === 'absent') zstd = 'no';
      const features = Object.entries(results).filter(([, result]) => result !== 'absent');
      const failed = features.filter(([, result]) => result !== 'ok');
      for (const [name, result] of failed) console.error(`Node ${exact}, ${kind}, ${name}: ${result}`);
      cells.push(
        failed.length === 0 ? `${features.length} of ${features.length}` : `**${failed.length} failed**`,
      );
    }
  }
  return [`${version} (${exact})`, ...cells, zstd];
}

function notRun(version) {
  return [version, ...BESIDE.flatMap(() => MODULES).map(() => 'not run'), 'not run'];
}

function run(node, path, kind) {
  const file = kind === 'ESM' ? 'ESM.mjs' : 'CJS.cjs';
  const env = { ...process.env, REDIS_URL: redis.url, NODE_OPTIONS: undefined };
  const { stdout, stderr, error } = spawnSync(node, [file], {
    cwd: path,
    env,
    encoding: 'utf8',
    timeout: 120_000,
  });
  try {
    return { ...JSON.parse(stdout), ...(error && { end: `${error}` }) };
  } catch {
    return { start: `${error ?? stderr}` };
  }
}

/** Replaces what stands between the marks. */
function write(rows) {
  const head = ['Node', ...BESIDE.flatMap(([title]) => MODULES.map((kind) => `${title}, ${kind}`)), 'zstd'];
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  const text = readFileSync(PAGE, 'utf8');
  const table = `<!-- matrix -->\n\n${lines.join('\n')}\n\nRedis ${redis.version}.\n\n<!-- end of matrix -->`;
  writeFileSync(
    PAGE,
    text.replace(/<!-- matrix -->[\s\S]*<!-- end of matrix -->/, () => table),
  );
}

async function startRedis() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  const args = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  const child = spawn('redis-server', args.map(String), { stdio: 'ignore' });
  await once(child, 'spawn');
  const version = /v=([\d.]+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1];
  await sleep(500);
  return { child, url: `redis://127.0.0.1:${port}`, version };
}
