// The process of one target.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Session } from 'node:inspector/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { GCProfiler } from 'node:v8';
import { answerCalls } from './child.mjs';

const MEMORY_INTERVAL_MS = 5;
const SETTLE_MS = 100;
const PROFILE_INTERVAL_US = 200;

let target;
let peakRss = 0;
let memoryTimer;
let session;
let collections;
let memoryAtStart;

answerCalls({
  async open({ module, name, ...settings }) {
    const { targets } = await import(module);
    target = await targets[name].open(settings);
    const server = createServer(target.listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server.address().port;
  },

  /**
   * What the process has used since its start: `cpu` in microseconds, `rss` and `peakRss` in bytes, `runs` of the
   * handler. The sample waits for everything that is stored after the answers.
   */
  async sample() {
    await target.settle?.();
    const { user, system } = process.cpuUsage();
    const { rss } = process.memoryUsage();
    return { cpu: user + system, rss, peakRss: Math.max(peakRss, rss), runs: target.app.runs };
  },

  /** Needs --expose-gc. */
  collectGarbage() {
    globalThis.gc?.();
  },

  /** The resident bytes, without waiting for anything. */
  resident: () => ({ rss: process.memoryUsage.rss() }),

  /**
   * After everything is stored and all garbage is collected: `live`, the bytes on the heap and in buffers, and `rss`.
   * Needs --expose-gc.
   */
  async memory() {
    await target.settle?.();
    // Ended connections and their buffers are freed in a later turn of the event loop.
    await delay(SETTLE_MS);
    globalThis.gc();
    globalThis.gc();
    const { heapUsed, external, rss } = process.memoryUsage();
    return { live: heapUsed + external, rss };
  },

  async startProfile() {
    session = new Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: PROFILE_INTERVAL_US });
    await session.post('Profiler.start');
  },

  async stopProfile({ file }) {
    const { profile } = await session.post('Profiler.stop');
    writeFileSync(file, JSON.stringify(profile));
  },

  /** Needs --expose-gc. While no garbage is collected, memory grows by exactly what is allocated. */
  watchAllocations() {
    globalThis.gc();
    // A collection sweeps dead buffers in the background; the next one waits for that sweep.
    globalThis.gc();
    collections = new GCProfiler();
    collections.start();
    memoryAtStart = process.memoryUsage();
  },

  /** Bytes allocated since `watchAllocations`; not `complete` where garbage was collected meanwhile. */
  async allocations() {
    await target.settle?.();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    const complete = collections.stop().statistics.length === 0;
    return {
      heap: heapUsed - memoryAtStart.heapUsed,
      buffers: arrayBuffers - memoryAtStart.arrayBuffers,
      complete,
    };
  },

  watchMemory() {
    peakRss = 0;
    clearInterval(memoryTimer);
    memoryTimer = setInterval(() => {
      peakRss = Math.max(peakRss, process.memoryUsage.rss());
    }, MEMORY_INTERVAL_MS);
  },
});
