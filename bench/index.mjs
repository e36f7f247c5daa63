// npm run bench                      everything, and RESULTS.md
// npm run bench -- --quick           hits and misses of the floors and of this package: a minute or two
// npm run bench -- --help            what else it takes

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { killAll, start } from './child.mjs';
import { measure } from './measure.mjs';
import { nodeBinary } from './node-binary.mjs';
import { startRedis } from './redis.mjs';
import { judged, show, showGoals, write } from './report.mjs';
import { scenarios } from './scenarios.mjs';
import { elapsed, say } from './screen.mjs';
import { servers } from './servers.mjs';
import { targets } from './targets.mjs';

const HELP = `
  npm run bench -- [options]

  --quick              hits and misses of the floors and of this package; RESULTS.md stays as it is
  --only <scenario>    again for more: ${Object.keys(scenarios).join(', ')}
  --target <text>      only targets whose name has it; again for more
  --node <node>        hits under these Nodes: paths, or versions such as 22, from npm; 20, 22 and 24
  --against <file>     another build of this package to compare with, as "other"
  --rounds <n>         15; with --quick 7
  --seconds <n>        how long each target is asked in a round: 0.3
  --connections <n>    32
  --keys <n>           distinct keys in the scenario of that name: 50000
  --growth <n>         the most keys in the scenario of that name: 1000000
  --out <file>         where the results go: bench/RESULTS.md, and results.svg beside it
`;

const NODES = ['20', '22', '24'];
const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    target: { type: 'string', multiple: true, default: [] },
    node: { type: 'string', multiple: true, default: [] },
    against: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string', default: '0.3' },
    connections: { type: 'string', default: '32' },
    keys: { type: 'string', default: '50000' },
    growth: { type: 'string', default: '1000000' },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  say(HELP);
  process.exit();
}
const options = {
  rounds: Number(values.rounds ?? (values.quick ? 7 : 15)),
  seconds: Number(values.seconds),
  connections: Number(values.connections),
  keys: Number(values.keys),
  growth: Number(values.growth),
  targets: values.target,
};
const chosen = values.only.length > 0 ? values.only.map(named) : Object.values(scenarios).filter(inMode);
const whole = !values.quick && values.only.length === 0 && values.target.length === 0;

function named(id) {
  if (scenarios[id]) return scenarios[id];
  say(`  no scenario ${id}: ${Object.keys(scenarios).join(', ')}`);
  process.exit(2);
}

function inMode({ quick }) {
  return quick || !values.quick;
}

let redis;
for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 })) {
  process.on(signal, () => process.exit(code));
}
process.on('exit', () => {
  killAll();
  redis?.stop();
});

try {
  const built = await build();
  redis = await startRedis();
  const unavailable = [];
  const nodes = runtimes(unavailable);
  const { catalogue, versions: others } = await assemble(built, unavailable);
  const load = await start('./load.mjs', {});
  const versions = [
    `Node ${nodes.map(({ version }) => version.slice(1)).join(', ')}`,
    `Redis ${redis.version}`,
    ...others,
  ];
  say(`  ${versions.join('; ')}; ${chosen.length} scenarios`);
  for (const { name, why } of unavailable) say(`  skipped: ${name}: ${why}`);

  const results = [];
  for (const scenario of chosen) {
    for (const node of scenario.everyNode ? nodes : [nodes.find(isMain) ?? nodes[0]]) {
      const stage = { redis, load, options, catalogue: under(node, catalogue) };
      const several = scenario.everyNode && nodes.length > 1;
      const runtime = several || !isMain(node) ? node.version.slice(1) : undefined;
      const result = { ...(await measure(stage, scenario)), runtime };
      show(result);
      results.push(result);
    }
  }
  showGoals(results);
  if (whole || values.out) {
    const markdown = values.out ?? here('RESULTS.md');
    const files = { markdown, svg: join(dirname(markdown), 'results.svg') };
    write(files, { results, versions, options, took: elapsed(), unavailable });
    say(`  written: ${relative(here('..'), markdown)}`);
  }
  const bad = results.flatMap(({ wrong = new Map() }) => [...wrong]).filter(([name]) => !isPeer(name));
  for (const [name, defects] of bad) say(`  WRONG: ${name}: ${[...defects].join('; ')}`);
  say(`  ${judged(results).filter(({ met }) => met === false).length} goals unmet; ${elapsed()}`);
  process.exitCode = bad.length > 0 ? 1 : 0;
  await load.stop();
} catch (error) {
  say(`  failed: ${error.stack}`);
  process.exitCode = 1;
}
process.exit();

/** The Nodes to measure hits under; the running one where its version is asked for. */
function runtimes(unavailable) {
  const asked = values.node.length > 0 ? values.node : values.quick ? [process.execPath] : NODES;
  const found = asked.flatMap((given) => {
    const isRunning = given === process.execPath || process.version.startsWith(`v${given}.`);
    try {
      return [isRunning ? { binary: process.execPath, version: process.version } : nodeBinary(given)];
    } catch (error) {
      unavailable.push({ name: `Node ${given}`, why: error.message.split('\n')[0] });
      return [];
    }
  });
  return found.length > 0 ? found : [{ binary: process.execPath, version: process.version }];
}

function isMain({ binary }) {
  return binary === process.execPath;
}

/** Other caches are measured under one Node: it is this package that is to run under all. */
function under(node, catalogue) {
  const all = isMain(node) || (values.node.length === 1 && !values.quick);
  return catalogue
    .filter(({ isOther }) => all || !isOther)
    .map((target) => ({ ...target, node: node.binary }));
}

/** All targets, and what cannot be measured here. */
async function assemble(built, unavailable) {
  const own = new URL('./targets.mjs', import.meta.url).href;
  const catalogue = Object.entries(targets).map(([name, { on }]) => {
    return { name, on, module: own, opens: name, build: built, groups: [name] };
  });
  if (values.against !== undefined) {
    const other = pathToFileURL(values.against).href;
    for (const on of ['node', 'express']) {
      const name = `${on} other`;
      catalogue.push({ name, on, module: own, opens: `${on} rrc`, build: other, groups: [name] });
    }
  }
  if (values.quick) return { catalogue, versions: [] };
  const peers = await peersOf(unavailable);
  const found = servers();
  unavailable.push(...found.unavailable);
  for (const server of found.targets) catalogue.push({ ...server, module: own, isOther: true });
  catalogue.push(...peers.targets);
  return { catalogue, versions: [...peers.versions, ...found.targets.map(({ version }) => version)] };
}

async function peersOf(unavailable) {
  try {
    if (!existsSync(here('peers/node_modules'))) {
      say('  installing the peers: bench/peers');
      execFileSync('npm', ['install', '--silent', '--no-package-lock'], {
        cwd: here('peers'),
        stdio: 'inherit',
      });
    }
    const module = new URL('./peers/targets.mjs', import.meta.url).href;
    const { targets } = await import(module);
    const { dependencies } = JSON.parse(readFileSync(here('peers/package.json'), 'utf8'));
    const versions = Object.entries(dependencies).map(([name, version]) => `${name} ${version}`);
    return {
      targets: Object.entries(targets).map(([name, { on, groups }]) => {
        return { name, on, module, opens: name, groups, isOther: true };
      }),
      versions: [versions.join(', ')],
    };
  } catch (error) {
    unavailable.push({ name: 'the peers', why: error.message.split('\n')[0] });
    return { targets: [], versions: [] };
  }
}

function isPeer(name) {
  return !/rrc|floor|constant|compression|other/.test(name);
}
