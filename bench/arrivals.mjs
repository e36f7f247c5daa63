// Arrivals: requests that are sent at their time, whether or not the earlier ones are answered (an open loop).

import { everyTick } from './ticker.mjs';

/** Milliseconds after the last arrival, after which what is not answered counts as lost. */
const PATIENCE_MS = 10_000;
/** A connection that could not be opened is opened again after so many milliseconds. */
const REOPEN_MS = 10;

/**
 * Sends `count` requests at constant intervals. A latency counts from the time at which its request was due, so a target
 * that stalls pays for every request that became due meanwhile (no coordinated omission).
 *
 * @param pool open connections. A request that finds none idle waits for one: `waited` counts those. That wait is part
 *   of its latency, since the target caused it; the `lateness` of the generator itself is not.
 * @param send sends request `n` over a connection, and calls back with the error, or with nothing when it is answered.
 * @returns `latencies` by request, `NaN` where it was lost, and by how much each request was sent late, `lateness`, both
 *   in milliseconds.
 */
export function arrive({ rate, count, pool, send }) {
  const interval = 1000 / rate;
  const latencies = new Float64Array(count).fill(Number.NaN);
  const lateness = new Float64Array(count);
  /** The connection used last is used next: the others stay idle, as they do in a client. */
  const idle = [...pool];
  const waiting = [];
  const startedAt = performance.now() + 1;
  const dueAt = (n) => startedAt + n * interval;
  let next = 0;
  let waited = 0;
  let settled = 0;
  let hasEnded = false;

  return new Promise((resolve) => {
    const stop = everyTick(sendDue);
    const timer = setTimeout(end, dueAt(count) + PATIENCE_MS - performance.now());

    function sendDue() {
      while (next < count) {
        const late = performance.now() - dueAt(next);
        if (late < 0) return;
        lateness[next] = late;
        const n = next++;
        const connection = takeIdle();
        if (connection) sendOver(connection, n);
        else {
          waited++;
          waiting.push(n);
        }
      }
    }

    function takeIdle() {
      for (;;) {
        const connection = idle.pop();
        if (!connection || connection.alive) return connection;
        reopen(connection);
      }
    }

    function sendOver(connection, n) {
      send(connection, n, (error) => {
        if (!error) latencies[n] = performance.now() - dueAt(n);
        if (++settled === count) return end();
        if (connection.alive) free(connection);
        else reopen(connection);
        sendDue();
      });
    }

    function free(connection) {
      if (waiting.length > 0) sendOver(connection, waiting.shift());
      else idle.push(connection);
    }

    function reopen(connection) {
      connection.open().then(
        () => free(connection),
        () => hasEnded || setTimeout(() => reopen(connection), REOPEN_MS),
      );
    }

    function end() {
      hasEnded = true;
      stop();
      clearTimeout(timer);
      resolve({ latencies, lateness, waited, elapsed: performance.now() - startedAt });
    }
  });
}
