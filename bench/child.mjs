// Child processes and the calls between them and the driver: every target, the load and the driver have an event
// loop of their own.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const EXIT_BUDGET_MS = 2000;
const running = new Set();

/**
 * Starts a module in a process of its own, and opens it with `settings`.
 *
 * @param file a module in this folder that calls `answerCalls`.
 * @returns `call(method, argument)`, which allows one call at a time; `stop()`; `pid`; and what `open` returned.
 */
export async function start(file, settings, { node = process.execPath, flags = [] } = {}) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), {
    execPath: node,
    // Deprecation warnings of old packages are no concern of the benchmark.
    execArgv: ['--no-warnings', ...flags],
    serialization: 'json',
    env: { ...process.env, NODE_ENV: 'production' },
  });
  running.add(child);
  const exited = once(child, 'exit').finally(() => running.delete(child));

  async function call(method, argument) {
    if (child.connected) child.send({ method, argument });
    const [{ result, error } = {}] = await Promise.race([
      once(child, 'message'),
      exited.then(([code, signal]) => [{ error: `${file} ended with ${signal ?? `code ${code}`}` }]),
    ]);
    if (error) throw new Error(error);
    return result;
  }

  async function stop() {
    if (child.connected) child.disconnect();
    await Promise.race([exited, delay(EXIT_BUDGET_MS, undefined, { ref: false })]);
    if (child.exitCode === null) child.kill('SIGKILL');
    await exited;
  }

  try {
    return { call, stop, pid: child.pid, opened: await call('open', settings) };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The child's side. It exits when the channel closes, so that no child outlives a driver that was killed. */
export function answerCalls(methods) {
  // Ctrl-C reaches the whole process group; the driver decides in which order the processes end.
  process.on('SIGINT', () => {});
  process.on('message', async ({ method, argument }) => {
    try {
      process.send({ result: (await methods[method](argument)) ?? null });
    } catch (error) {
      process.send({ error: error.message });
    }
  });
  process.once('disconnect', () => process.exit());
}

export function killAll() {
  for (const child of running) child.kill('SIGKILL');
}
