// The slow and metered service behind the API, in a process of its own: it takes up to 6 s, nobody knows
// how long beforehand, and after its daily quota it refuses with 429.

import { setTimeout as delay } from 'node:timers/promises';
import { runAsChild } from './child.mjs';
import { findLeads, leadCount } from './leads.mjs';

const MEDIAN_MS = 1200;
const FASTEST_MS = 150;
const SLOWEST_MS = 6000;

runAsChild(({ quota, seed }) => {
  const random = mulberry32(seed);
  let calls = 0;
  let refused = 0;

  async function answer(request, response) {
    const { pathname, searchParams } = new URL(request.url, 'http://upstream');
    if (pathname !== '/leads') return send(response, 404, { error: 'only /leads is here' });
    if (calls === quota) {
      refused += 1;
      return send(
        response,
        429,
        { error: `daily quota of ${quota} calls used up` },
        { 'Retry-After': untilMidnight() },
      );
    }

    calls += 1;
    // The number of the call is part of the answer, so that a replayed answer cannot pass for a new one.
    const call = calls;
    // Unreferenced: an upstream that is told to stop does not sit its delays out.
    await delay(latency(random), undefined, { ref: false });
    try {
      send(response, 200, { call, answeredAt: new Date().toISOString(), ...findLeads(searchParams) });
    } catch (error) {
      send(response, 400, { error: error.message });
    }
  }

  return { listener: answer, report: () => ({ calls, refused, leadCount }) };
});

function send(response, status, body, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', ...headers });
  response.end(JSON.stringify(body));
}

/** Log-normal, as the times of loaded services are: most answers near the median, and a long tail. */
function latency(random) {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.min(SLOWEST_MS, Math.max(FASTEST_MS, MEDIAN_MS * Math.exp(0.8 * normal)));
}

/** A generator with a seed, so that every run of the demo is as unlucky as the one before. */
function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function untilMidnight() {
  const day = 86_400_000;
  return Math.ceil((day - (Date.now() % day)) / 1000);
}
