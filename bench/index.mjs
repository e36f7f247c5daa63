// npm run bench                      everything, and RESULTS.md
// npm run bench -- --quick           hits and misses of the floors and of this package: a minute or two
// npm run bench -- --help            what else it takes

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
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
import { targets } from './targets.mjs';

const HELP = `
  npm run bench -- [options]

  --quick              hits and misses of the floors and of this package; RESULTS.md stays as it is
  --only <scenario>    again for more: ${Object.keys(scenarios).join(', ')}
  --target <text>      only targets whose name has it; again for more
  --node <node>        runs the targets under another Node: a path, or a version such as 22; again for more
  --against <file>     another build of this package to compare with, as "other"
  --rounds <n>         15; with --quick 11
  --seconds <n>        how long each target is asked in a round: 0.3
  --connections <n>    32
  --keys <n>           distinct keys in the scenario of that name: 50000
`;

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
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  say(HELP);
  process.exit();
}
const options = {
  rounds: Number(values.rounds ?? (values.quick ? 11 : 15)),
  seconds: Number(values.seconds),
  connections: Number(values.connections),
  keys: Number(values.keys),
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
  const nodes = values.node.map(nodeBinary);
  const { catalogue, unavailable } = await assemble(built, nodes);
  const load = await start('./load.mjs', {});
  const versions = [
    ...new Set(
      (nodes.length > 0 ? nodes : [{ version: process.version }]).map(({ version }) => `Node ${version}`),
    ),
    `Redis ${redis.version}`,
  ];
  say(`  ${versions.join(', ')}; ${chosen.length} scenarios`);
  for (const { name, why } of unavailable) say(`  skipped: ${name}: ${why}`);

  const results = [];
  for (const scenario of chosen) {
    const result = await measure({ redis, load, catalogue, options }, scenario);
    show(result);
    results.push(result);
  }
  showGoals(results);
  if (whole) {
    write(here('RESULTS.md'), { results, versions, options, took: elapsed(), unavailable });
    say('  written: bench/RESULTS.md');
  }
  const bad = results.flatMap(({ wrong = new Map() }) => [...wrong]).filter(([name]) => !isPeer(name));
  for (const [name, defects] of bad) say(`  WRONG: ${name}: ${[...defects].join('; ')}`);
  say(`  ${judged(results).filter(({ met }) => !met).length} goals unmet; ${elapsed()}`);
  process.exitCode = bad.length > 0 ? 1 : 0;
  await load.stop();
} catch (error) {
  say(`  failed: ${error.stack}`);
  process.exitCode = 1;
}
process.exit();

/** All targets under all the given Nodes, and what cannot be measured here. */
async function assemble(built, nodes) {
  const own = new URL('./targets.mjs', import.meta.url).href;
  const base = Object.entries(targets).map(([name, { on }]) => {
    return { name, on, module: own, build: built, groups: [name] };
  });
  if (values.against !== undefined) {
    const other = pathToFileURL(values.against).href;
    for (const on of ['node', 'express']) {
      const name = `${on} other`;
      base.push({ name, on, module: own, opens: `${on} rrc`, build: other, groups: [name] });
    }
  }
  const unavailable = [];
  if (!values.quick) await addPeers(base, unavailable);
  const runtimes = nodes.length > 0 ? nodes : [{ binary: process.execPath }];
  const catalogue = runtimes.flatMap(({ binary, version }) => {
    const suffix = runtimes.length > 1 ? `, node ${version}` : '';
    return base.map((target) => {
      return {
        ...target,
        opens: target.opens ?? target.name,
        name: `${target.name}${suffix}`,
        suffix,
        node: binary,
      };
    });
  });
  return { catalogue, unavailable };
}

async function addPeers(base, unavailable) {
  try {
    if (!existsSync(here('peers/node_modules'))) {
      say('  installing the peers: bench/peers');
      execFileSync('npm', ['install', '--silent', '--no-package-lock'], {
        cwd: here('peers'),
        stdio: 'inherit',
      });
    }
    const module = new URL('./peers/targets.mjs', import.meta.url).href;
    const peers = await import(module);
    for (const [name, { on, groups }] of Object.entries(peers.targets))
      base.push({ name, on, module, groups });
  } catch (error) {
    unavailable.push({ name: 'the peers', why: error.message.split('\n')[0] });
  }
  for (const name of ['nginx', 'varnishd']) {
    unavailable.push({ name, why: onPath(name) ? 'not driven by this benchmark' : 'not installed' });
  }
}

function onPath(name) {
  const folders = (process.env.PATH ?? '').split(':');
  return folders.some((folder) => folder && existsSync(`${folder}/${name}`));
}

function isPeer(name) {
  return (
    !name.includes('rrc') && !name.includes('floor') && !name.includes('constant') && !name.includes('other')
  );
}
