// What `compress` saves and costs, for one JSON body of 50 KB.

import { Redis } from 'ioredis';
import { start } from './child.mjs';
import { median } from './figures.mjs';
import { progress } from './screen.mjs';

const ROUNDS = 7;
const SECONDS = 0.5;
const BROWSER = { 'Accept-Encoding': 'gzip, deflate, br' };
const CASES = [
  ['as it is', 'plain', {}],
  ['compress, to who accepts br', 'compress', BROWSER],
  ['compress, to who accepts gzip', 'compress', { 'Accept-Encoding': 'gzip' }],
  ['compress, to who accepts neither', 'compress', {}],
  ['compression() in front, to who accepts br', 'in front', BROWSER],
];

export async function compress({ redis, load, catalogue }, { title }) {
  const module = new URL('./compress-targets.mjs', import.meta.url).href;
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
      open.set(name, await start('./target.mjs', settings));
    }
    const results = CASES.map(([title, name, headers]) => {
      const target = open.get(name);
      return {
        title,
        name,
        target,
        asked: { port: target.opened, requests: [{ path: '/', headers }] },
        cpu: [],
      };
    });
    for (const { target, asked } of results) {
      await load.ask('learn', asked);
      await target.ask('sample');
    }
    for (const result of results) [result.answer] = await load.ask('learn', result.asked);
    for (let round = 0; round < ROUNDS; round++) {
      progress(title, `round ${round + 1} of ${ROUNDS}`);
      for (const result of results) await once(load, result);
    }
    const rows = [];
    for (const { title, name, answer, cpu } of results) {
      const [key] = await client.keys(`${prefixOf(name)}*}`);
      const stored = await client.call('MEMORY', 'USAGE', key);
      rows.push([title, `${answer.bytes} B`, median(cpu).toFixed(1), `${stored} B`]);
    }
    const head = ['', 'sent', 'CPU us a hit', 'in Redis'];
    return { head, rows, text: 'Behind plain node:http; every answer is compared with the first one.' };
  } finally {
    client.disconnect();
    await Promise.all([...open.values()].map((child) => child.stop()));
    await load.ask('forget');
    await redis.empty();
  }
}

async function once(load, { title, target, asked, cpu }) {
  const before = await target.ask('sample');
  const done = await load.ask('run', { ...asked, connections: 32, seconds: SECONDS, check: 'same' });
  const after = await target.ask('sample');
  if (after.runs !== before.runs || done.lost > 0 || done.wrong.length > 0)
    throw new Error(`${title}: ${done.lost} lost, ${done.wrong.join('; ') || 'the handler ran'}`);
  cpu.push((after.cpu - before.cpu) / done.answers);
}

const prefixOf = (name) => `${name.replace(' ', '-')}:`;
