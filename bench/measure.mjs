// Runs one scenario: starts its targets, measures them, and stops them.

import { start } from './child.mjs';
import { compression } from './scenarios/compression.mjs';
import { growth } from './scenarios/growth.mjs';
import { herd } from './scenarios/herd.mjs';
import { latency } from './scenarios/latency.mjs';
import { memory } from './scenarios/memory.mjs';
import { processes } from './scenarios/processes.mjs';
import { NEW_SPACE, rate } from './scenarios/rate.mjs';
import { redisHangs } from './scenarios/redis-hangs.mjs';
import { soak } from './scenarios/soak.mjs';
import { staleness } from './scenarios/staleness.mjs';
import { stream } from './scenarios/stream.mjs';
import { tracking } from './scenarios/tracking.mjs';
import { orSkip } from './skipped.mjs';
import { progress } from './terminal.mjs';

/** Redis calls on a busy machine exceed the default now and then, and hits would become misses. */
const TIMEOUT = '1s';

/** Scenarios that start their own processes. */
const INDEPENDENT = { processes, growth, tracking, staleness, compression, soak };
/** Scenarios that measure all targets in interleaved rounds. */
const INTERLEAVED = { latency };
/** Scenarios that measure one target after the other, and give a table row for each. */
const BY_TARGET = { herd, stream, memory, 'redis-hangs': redisHangs };

/**
 * @param context the private `redis`, the `load` process, the `catalogue` of targets, and the `options` of the run.
 * @returns the table of the scenario and the figures that goals refer to.
 */
export async function measure(context, scenario) {
  await context.redis.empty();
  const launch = (target, settings) => launchTarget(context, target, { timeout: TIMEOUT, ...settings });
  if (INDEPENDENT[scenario.id]) {
    const result = await INDEPENDENT[scenario.id]({ ...context, launch }, scenario);
    return { scenario, skipped: [], ...result };
  }
  const { started, skipped } = await startTargets(context, scenario, launch);
  try {
    const interleaved = scenario.rate ? rate : INTERLEAVED[scenario.id];
    if (interleaved)
      return { scenario, skipped, ...(await interleaved(context, scenario, started, skipped)) };
    const { head, row } = BY_TARGET[scenario.id](context);
    const rows = [];
    const figures = {};
    const wrong = new Map();
    for (const target of started) {
      progress(scenario.title, target.name);
      const measured = await orSkip(target, skipped, () => row(target));
      if (!measured) continue;
      rows.push([target.name, ...measured.cells]);
      figures[target.name] = measured.figures;
      if (measured.defects?.size > 0) wrong.set(target.name, measured.defects);
    }
    return { scenario, skipped, head, rows, figures, wrong };
  } finally {
    await Promise.all(started.map(({ process }) => process.stop()));
    await context.load.call('forget');
  }
}

async function launchTarget({ redis, options }, target, more) {
  const { name, module, opens, build, node, launch } = target;
  const settings = {
    module,
    name: opens,
    build,
    redisPort: redis.port,
    prefix: `${name.replace(/\W+/g, '-')}:`,
    ...more,
  };
  if (launch) return launch(settings);
  const flags = ['--expose-gc', ...(options.allocations ? NEW_SPACE : [])];
  return start('./target-process.mjs', settings, { node, flags });
}

/** Starts the targets of a scenario, each in a process of its own. */
async function startTargets({ catalogue, options }, scenario, launch) {
  const chosen = catalogue.filter(
    ({ groups, name }) =>
      groups.some((group) => scenario.targets.includes(group)) &&
      (options.targets.length === 0 || options.targets.some((part) => name.includes(part))),
  );
  const skipped = [];
  const started = await Promise.all(
    chosen.map((target) =>
      orSkip(target, skipped, async () => {
        const process = await launch(target, scenario.settings);
        return { ...target, process, port: process.opened };
      }),
    ),
  );
  return { started: started.filter(Boolean), skipped };
}
