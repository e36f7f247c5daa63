// A clock of half a millisecond: timers of Node fire up to 2 ms late. The wait is in a thread of its own, so it costs a
// tenth of a core at most, and none while nobody listens.

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const TICK_MS = 0.5;
/** Cells shared by both threads: whether the clock runs, and whether a tick has not been taken yet. */
const RUNS = 0;
const PENDING = 1;

let worker;
let cells;

/** Calls `listener` every half millisecond, or as soon as the event loop is free. @returns a function that ends it. */
export function everyTick(listener) {
  if (!worker) {
    cells = new Int32Array(new SharedArrayBuffer(8));
    worker = new Worker(new URL(import.meta.url), { workerData: cells });
  }
  const taken = () => {
    Atomics.store(cells, PENDING, 0);
    listener();
  };
  worker.on('message', taken);
  worker.ref();
  Atomics.store(cells, PENDING, 0);
  Atomics.store(cells, RUNS, 1);
  Atomics.notify(cells, RUNS);
  return () => {
    Atomics.store(cells, RUNS, 0);
    Atomics.notify(cells, RUNS);
    worker.off('message', taken);
    worker.unref();
  };
}

if (!isMainThread) {
  for (;;) {
    Atomics.wait(workerData, RUNS, 0);
    while (Atomics.load(workerData, RUNS) === 1) {
      Atomics.wait(workerData, RUNS, 1, TICK_MS);
      if (Atomics.compareExchange(workerData, PENDING, 0, 1) === 0) parentPort.postMessage(0);
    }
  }
}
