// A redis-server for one run. Only one that is already on this machine: nothing is downloaded or compiled here,
// since that may take minutes.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const START_BUDGET_MS = 2000;

/** The redis-server on PATH, or one that redis-memory-server has built earlier. */
export function findBinary() {
  const { PATH = '', REDISMS_SYSTEM_BINARY, REDISMS_DOWNLOAD_DIR, REDISMS_VERSION = 'stable' } = process.env;
  const project = fileURLToPath(new URL('../../', import.meta.url));
  const built = [
    REDISMS_DOWNLOAD_DIR,
    join(project, 'node_modules/.cache/redis-memory-server/redis-binaries'),
    join(homedir(), '.cache/redis-binaries'),
  ];
  return [
    REDISMS_SYSTEM_BINARY,
    ...PATH.split(delimiter).map((folder) => folder && join(folder, 'redis-server')),
    ...built.map((folder) => folder && join(folder, REDISMS_VERSION, 'redis-server')),
  ].find((file) => file && isExecutable(file));
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Starts `binary` on a free port and waits until `connect(url)` gives a client. */
export async function startServer(binary, connect) {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  // In memory only, and away from the project, so that nothing is left on disk.
  const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const server = spawn(binary, options, { cwd: tmpdir(), stdio: 'ignore' });
  // Also when the demo ends in a way that it did not foresee.
  process.once('exit', () => server.kill());

  let ended = false;
  const exited = new Promise((resolve) => server.once('exit', resolve).once('error', resolve)).then(() => {
    ended = true;
  });
  async function stop() {
    server.kill();
    await exited;
  }

  const deadline = Date.now() + START_BUDGET_MS;
  while (!ended) {
    const client = await connect(url).catch(() => undefined);
    if (client) return { client, url, stop };
    if (Date.now() > deadline) {
      await stop();
      throw new Error(`no answer within ${START_BUDGET_MS} ms`);
    }
    await delay(50);
  }
  throw new Error('it ended at once');
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}
