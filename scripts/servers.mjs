// npm run servers     the tests of the store on Redis 7, Redis 8 and Valkey 8; writes the table of docs/support.md

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { obtainServer, SERVERS } from '../test/support/other-servers.cjs';
import { obtainRedisServer } from '../test/support/redis-binary.cjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGE = join(ROOT, 'docs/support.md');
const MARKED = /(<!-- servers -->\n)[\s\S]*(<!-- end of servers -->)/;
/** What depends on the server. */
const SUITES = {
  contract: 'test/stores',
  coherence: 'test/coherence',
  near: 'test/near',
  faults: 'test/faults',
  purges: 'test/purge',
  leases: 'test/collapse',
};
/** By what the names of tests say; all others use a URL, or options. */
const CLIENTS = ['ioredis 6', 'ioredis 5', 'iovalkey', 'node-redis 6', 'node-redis 5', 'Valkey GLIDE'];
const REST = 'a URL, or options';

const folder = mkdtempSync(join(tmpdir(), 'rrc-servers-'));
try {
  const runs = [['Redis 7', obtainRedisServer()], ...SERVERS.map((name) => [name, obtainServer(name)])].map(
    ([name, binary]) => run(name, binary),
  );
  const names = runs.map(({ version }) => version).join(', ');
  const rows = [...CLIENTS, REST].map((client) => {
    const cells = Object.keys(SUITES).map((suite) =>
      cellOf(runs.map(({ counts }) => counts[client]?.[suite])),
    );
    return `| ${[client, ...cells].join(' | ')} |`;
  });
  const head = ['client', ...Object.keys(SUITES)];
  const table = [`| ${head.join(' | ')} |`, `|${'---|'.repeat(head.length)}`, ...rows].join('\n');
  const page = readFileSync(PAGE, 'utf8');
  writeFileSync(
    PAGE,
    page.replace(
      MARKED,
      `$1\n${table}\n\nOn ${names}, in this order; one number where as many passed on each.\n\n$2`,
    ),
  );
  if (runs.some(({ failed }) => failed > 0)) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** How many tests passed of each client and suite. */
function run(name, binary) {
  console.log(`\n${name}`);
  const file = join(folder, `${name}.json`);
  spawnSync('npx', ['jest', ...Object.values(SUITES), '--json', `--outputFile=${file}`], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, REDIS_SERVER: binary },
  });
  const { testResults, numFailedTests } = JSON.parse(readFileSync(file, 'utf8'));
  const counts = {};
  for (const { name: path, assertionResults } of testResults) {
    const suite = Object.keys(SUITES).find((key) => relative(ROOT, path).startsWith(SUITES[key]));
    for (const { fullName, status } of assertionResults) {
      const client = CLIENTS.find((each) => fullName.includes(each)) ?? REST;
      counts[client] ??= {};
      counts[client][suite] ??= { passed: 0, all: 0 };
      const count = counts[client][suite];
      count.all++;
      if (status === 'passed') count.passed++;
    }
  }
  return { version: versionOf(binary), counts, failed: numFailedTests };
}

/** `20` where all servers passed as many; else each server's count, with how many there are. */
function cellOf(counts) {
  const texts = counts.map((count) => (count ? text(count) : '0'));
  return new Set(texts).size === 1 ? (texts[0] === '0' ? '' : texts[0]) : texts.join(', ');
}

function text({ passed, all }) {
  return passed === all ? `${all}` : `${passed} of ${all}`;
}

/** `Redis 8.0.2` */
function versionOf(binary) {
  const { stdout } = spawnSync(binary, ['--version'], { encoding: 'utf8' });
  const [, product, version] = /^(\w+) server v=([\d.]+)/.exec(stdout) ?? [];
  return `${product} ${version}`;
}
