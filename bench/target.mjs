// The process of one target.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Session } from 'node:inspector/promises';
import { GCProfiler } from 'node:v8';
import { serve } from './child.mjs';

const LOOK_EVERY_MS = 5;
const SAMPLE_EVERY_US = 200;

let target;
let highest = 0;
let looking;
let session;
let collections;
let atStart;

serve({
  async open({ module, name, ...settings }) {
    const { targets } = await import(module);
    target = await targets[name].open(settings);
    const server = createServer(target.listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server.address().port;
  },

  /** What the process has used so far, once everything that goes on behind the answers is done. */
  async sample() {
    await target.settle?.();
    const { user, system } = process.cpuUsage();
    const { rss } = process.memoryUsage();
    return { cpu: user + system, rss, highest: Math.max(highest, rss), runs: target.app.runs };
  },

  /** Garbage is nobody's memory: with --expose-gc it goes first. */
  collect() {
    globalThis.gc?.();
  },

  async profile() {
    session = new Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_US });
    await session.post('Profiler.start');
  },

  async profiled({ file }) {
    const { profile } = await session.post('Profiler.stop');
    writeFileSync(file, JSON.stringify(profile));
  },

  /** The growth from here on is what is allocated, as long as no garbage is collected. */
  watchAllocations() {
    globalThis.gc();
    // Only the next collection ends the sweep of the buffers that this one found dead.
    globalThis.gc();
    collections = new GCProfiler();
    collections.start();
    atStart = process.memoryUsage();
  },

  /** Bytes allocated since; not `complete` where garbage was collected meanwhile. */
  async allocations() {
    await target.settle?.();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    const complete = collections.stop().statistics.length === 0;
    return { heap: heapUsed - atStart.heapUsed, buffers: arrayBuffers - atStart.arrayBuffers, complete };
  },

  watchMemory() {
    highest = 0;
    const look = () => {
      highest = Math.max(highest, process.memoryUsage.rss());
    };
    clearInterval(looking);
    looking = setInterval(look, LOOK_EVERY_MS);
  },
});
