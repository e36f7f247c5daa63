// The option `compress` for a JSON body of 50 KB: bytes sent, CPU per hit, memory in Redis.

import { Redis } from 'ioredis';
import { start } from '../child.mjs';
import { median } from '../figures.mjs';
import { progress } from '../terminal.mjs';

const ROUNDS = 7;
const SECONDS = 0.5;
const BROWSER = { 'Accept-Encoding': 'gzip, deflate, br' };
const CASES = [
  ['not compressed', 'plain', {}],
  ['compress, client accepts br', 'compress', BROWSER],
  ['compress, client accepts gzip', 'compress', { 'Accept-Encoding': 'gzip' }],
  ['compress, client accepts neither', 'compress', {}],
  ['compression() in front, client accepts br', 'in front', BROWSER],
];

export async function compression({ redis, load, catalogue }, { title }) {
  const module = new URL('./compression-targets.mjs', import.meta.url).href;
  const client = new Redis(redis.port, '127.0.0.1');
  const open = new Map();
  try {
    for (const name of ['plain', 'compress', 'in front']) {
      const settings = {
        module,
        name,
        redisPort: redis.port,
        build: catalogue[0].build,
        prefix: prefixOf(name),
      };
      open.set(name, await start('./target-process.mjs', settings));
    }
    const results = CASES.map(([title, name, headers]) => {
      const target = open.get(name);
      return {
        title,
        name,
        target,
        plan: { port: target.opened, requests: [{ path: '/', headers }] },
        cpu: [],
      };
    });
    for (const { target, plan } of results) {
      await load.call('learn', plan);
      await target.call('sample');
    }
    for (const result of results) [result.answer] = await load.call('learn', result.plan);
    for (let round = 0; round < ROUNDS; round++) {
      progress(title, `round ${round + 1} of ${ROUNDS}`);
      for (const result of results) await sampleCpu(load, result);
    }
    const rows = [];
    for (const { title, name, answer, cpu } of results) {
      const [key] = await client.keys(`${prefixOf(name)}*}`);
      const stored = await client.call('MEMORY', 'USAGE', key);
      rows.push([title, `${answer.bytes} B`, median(cpu).toFixed(1), `${stored} B`]);
    }
    const head = ['', 'sent', 'CPU us per hit', 'in Redis'];
    return { head, rows, text: 'In plain node:http. Every answer is compared with the first one.' };
  } finally {
    client.disconnect();
    await Promise.all([...open.values()].map((child) => child.stop()));
    await load.call('forget');
    await redis.empty();
  }
}

async function sampleCpu(load, { title, target, plan, cpu }) {
  const before = await target.call('sample');
  const done = await load.call('run', { ...plan, connections: 32, seconds: SECONDS, check: 'same' });
  const after = await target.call('sample');
  if (after.runs !== before.runs || done.lost > 0 || done.wrong.length > 0)
    throw new Error(`${title}: ${done.lost} lost, ${done.wrong.join('; ') || 'the handler ran'}`);
  cpu.push((after.cpu - before.cpu) / done.answers);
}

const prefixOf = (name) => `${name.replace(' ', '-')}:`;
