// What `compress` saves and costs, for one JSON body of 50 KB: `node bench/compress.mjs`.

import { Redis } from 'ioredis';
import { build } from './build.mjs';
import { start } from './child.mjs';
import { startRedis } from './redis.mjs';

const ROUNDS = 5;
const SECONDS = 1.5;
const BROWSER = { 'Accept-Encoding': 'gzip, deflate, br' };
const CASES = [
  ['as it is', 'plain', {}],
  ['compress, to who accepts br', 'compress', BROWSER],
  ['compress, to who accepts gzip', 'compress', { 'Accept-Encoding': 'gzip' }],
  ['compress, to who accepts neither', 'compress', {}],
  ['compression() in front, to who accepts br', 'in front', BROWSER],
];

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

const module = new URL('./compress-targets.mjs', import.meta.url).href;
const built = await build();
const redis = await startRedis();
const client = new Redis(redis.port, '127.0.0.1');
const load = await start('./load.mjs', {});
const open = new Map();
for (const name of ['plain', 'compress', 'in front']) {
  const settings = {
    module,
    name,
    redisPort: redis.port,
    build: built,
    prefix: `${name.replace(' ', '-')}:`,
  };
  open.set(name, await start('./target.mjs', settings));
}

const results = CASES.map(([title, name, headers]) => {
  const target = open.get(name);
  return { title, target, asked: { port: target.opened, requests: [{ path: '/', headers }] }, cpu: [] };
});
for (const { target, asked } of results) {
  await load.ask('learn', asked);
  await target.ask('sample');
}
for (const result of results) [result.answer] = await load.ask('learn', result.asked);

for (let round = 0; round < ROUNDS; round++) {
  for (const { title, target, asked, cpu } of results) {
    const before = await target.ask('sample');
    const done = await load.ask('run', { ...asked, connections: 32, seconds: SECONDS, check: 'same' });
    const after = await target.ask('sample');
    if (after.runs !== before.runs || done.lost > 0 || done.wrong.length > 0)
      throw new Error(`${title}: ${done.lost} lost, ${done.wrong.join('; ') || 'the handler ran'}`);
    cpu.push((after.cpu - before.cpu) / done.answers);
  }
}

for (const { title, answer, cpu } of results)
  console.log(
    `${title.padEnd(42)} ${String(answer.bytes).padStart(6)} B  ${median(cpu).toFixed(0).padStart(5)} us CPU a hit`,
  );
for (const [name] of open) {
  const [key] = await client.keys(`${name.replace(' ', '-')}:*}`);
  console.log(
    `${name.padEnd(42)} ${String(await client.call('MEMORY', 'USAGE', key)).padStart(6)} B in Redis`,
  );
}

client.disconnect();
await Promise.all([load, ...open.values()].map((child) => child.stop()));
redis.stop();
