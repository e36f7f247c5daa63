// Both ends of a child process. Driver, API and upstream never share an event loop: what is measured crosses
// real sockets, and nobody's work hides in somebody else's time.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const GRACE_MS = 2000;

/** Starts `file`, hands it its settings and waits until it listens. @throws when it ends instead. */
export async function start(file, settings) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)));
  const exited = once(child, 'exit');
  const answer = () =>
    Promise.race([
      once(child, 'message').then(([message]) => message),
      exited.then(([code]) => {
        throw new Error(`${file} ended with code ${code}`);
      }),
    ]);

  child.send(settings);
  const { url, error } = await answer();
  if (error) throw new Error(error);

  return {
    url,
    report() {
      if (child.connected) child.send('report');
      return answer();
    },
    /** Lets go of the child, which then ends by itself; false if it had to be killed. */
    async stop() {
      if (child.connected) child.disconnect();
      const ended = await Promise.race([exited.then(() => true), delay(GRACE_MS, false, { ref: false })]);
      if (!ended) child.kill('SIGKILL');
      return ended;
    },
  };
}

/**
 * The child's end: `open(settings)` gives the request listener, what it reports, and what to close at the end.
 * A closed channel is the order to stop, so that no child outlives a driver that was killed.
 */
export function runAsChild(open) {
  // Ctrl-C reaches the whole process group; the driver decides in which order things end.
  process.on('SIGINT', () => {});

  process.once('message', async (settings) => {
    try {
      const { listener, report, close } = await open(settings);
      const server = createServer(listener);
      const url = await listen(server, settings.ports ?? [0]);

      process.on('message', async () => process.send(await report()));
      process.once('disconnect', async () => {
        server.close();
        server.closeAllConnections();
        await close?.();
      });
      process.send({ url });
    } catch (error) {
      process.send({ error: error.message }, () => process.exit(1));
    }
  });
}

/** Takes the first of the ports that is free; 0 stands for any. Loopback only: this is a demo. */
async function listen(server, [port, ...others]) {
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${server.address().port}`;
  } catch (error) {
    if (error.code === 'EADDRINUSE' && others.length > 0) return listen(server, others);
    throw error;
  }
}
