// Both ends of a child process: every target, the load and the driver have an event loop of their own.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const GRACE_MS = 2000;
const running = new Set();

/** Starts `file` with another `node`, if one is given; `ask(verb, argument)` is answered in order. */
export async function start(file, settings, { node = process.execPath, flags = [] } = {}) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), {
    execPath: node,
    // What old packages warn of is not to be read here.
    execArgv: ['--no-warnings', ...flags],
    serialization: 'json',
    env: { ...process.env, NODE_ENV: 'production' },
  });
  running.add(child);
  const exited = once(child, 'exit').finally(() => running.delete(child));

  async function ask(verb, argument) {
    if (child.connected) child.send({ verb, argument });
    const [{ answer, error } = {}] = await Promise.race([
      once(child, 'message'),
      exited.then(([code, signal]) => [{ error: `${file} ended with ${signal ?? `code ${code}`}` }]),
    ]);
    if (error) throw new Error(error);
    return answer;
  }

  async function stop() {
    if (child.connected) child.disconnect();
    await Promise.race([exited, delay(GRACE_MS, undefined, { ref: false })]);
    if (child.exitCode === null) child.kill('SIGKILL');
    await exited;
  }

  try {
    return { ask, stop, pid: child.pid, opened: await ask('open', settings) };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The child's end. A closed channel is the order to stop, so that no child outlives a driver that was killed. */
export function serve(verbs) {
  // Ctrl-C reaches the whole process group; the driver decides in which order things end.
  process.on('SIGINT', () => {});
  process.on('message', async ({ verb, argument }) => {
    try {
      process.send({ answer: (await verbs[verb](argument)) ?? null });
    } catch (error) {
      process.send({ error: error.message });
    }
  });
  process.once('disconnect', () => process.exit());
}

export function killAll() {
  for (const child of running) child.kill('SIGKILL');
}
