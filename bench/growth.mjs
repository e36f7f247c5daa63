// How a cache grows with its keys. A sample is stored through the package; the mass are copies of that stored form,
// each under a key of its own that its bytes name too, so that every one of them is a hit.

import { freemem } from 'node:os';
import { crc32 } from 'node:zlib';
import { mb, ms, whole } from './figures.mjs';
import { progress } from './screen.mjs';

const SAMPLE = 1000;
const SIZES = [1000, 10_000, 100_000, 1_000_000];
const BATCH = 2000;
/** Generous: of a key with 1 KB, in Redis. */
const BYTES_EACH = 3000;
const CONNECTIONS = 4;
const SECONDS = 3;
/** Where in a stored response its checksum is, and where what it is of begins. */
const SUM_AT = 4;
const SUMMED_FROM = 16;
const FINGERPRINT = 24;

export async function growth({ redis, load, catalogue, options, launch }, { title, targets }) {
  const head = ['keys', 'Redis memory', 'each', 'p50', 'p99', 'CPU us', 'Redis us', 'process rss', ''];
  const prefix = 'growth:';
  const process = await launch(
    catalogue.find(({ name }) => name === targets[0]),
    { prefix },
  );
  try {
    const port = process.opened;
    const { bytes: empty } = await redis.memory();
    const ask = (n) => ({ path: `/1k${numbered(n)}` });
    await load.ask('learn', { port, requests: Array.from({ length: SAMPLE }, (_, n) => ask(n)) });
    await process.ask('sample');
    const stored = ((await redis.memory()).bytes - empty) / SAMPLE;
    const template = await templateOf(redis.client, prefix);
    await redis.empty();
    await load.ask('forget');

    const rows = [];
    const skipped = [];
    let filled = 0;
    for (const size of SIZES.filter((size) => size <= options.growth)) {
      if (size * BYTES_EACH > freemem() / 2) {
        skipped.push({ name: `${whole(size)} keys`, why: 'not enough memory is free' });
        continue;
      }
      progress(title, whole(size));
      await fill(redis.client, template, filled, size);
      filled = size;
      const { bytes } = await redis.memory();
      await load.ask('learn', { port, requests: [{ ...ask(0), as: '/1k' }] });
      const plan = { port, requests: [{ path: '/1k' }], among: size, check: 'same', hit: true };
      await load.ask('run', { ...plan, connections: CONNECTIONS, seconds: 1 });
      await process.ask('collect');
      const before = { ...(await process.ask('sample')), redis: await redis.cpu() };
      const told = await load.ask('run', { ...plan, connections: CONNECTIONS, seconds: SECONDS });
      const after = { ...(await process.ask('sample')), redis: await redis.cpu() };
      const per = (field) => ((after[field] - before[field]) / told.answers).toFixed(1);
      const defects = told.wrong.map(([defect]) => defect);
      if (after.runs > before.runs) defects.push('the handler ran');
      const cells = [whole(size), mb(bytes - empty), `${Math.round((bytes - empty) / size)} B`];
      cells.push(ms(told.p50), ms(told.p99), per('cpu'), per('redis'), mb(after.rss), defects.join('; '));
      rows.push(cells);
    }
    return {
      head,
      rows,
      skipped,
      text:
        `${CONNECTIONS} connections ask for keys at random. The first ${whole(SAMPLE)} keys were stored through the ` +
        `package, at ${Math.round(stored)} B of Redis memory each; those measured are copies of that stored form, ` +
        'written with HSET and PEXPIRE.',
    };
  } finally {
    await process.stop();
    await load.ask('forget');
    await redis.empty();
  }
}

/** The number at the end of a key: of one length, so that a copy differs in nothing else. */
const digits = (n) => String(n).padStart(8, '0');
const numbered = (n) => `?k=${digits(n)}`;

/** What is stored under the first key, as it is. */
async function templateOf(client, prefix) {
  const [key] = (await client.keys(`${prefix}*${numbered(0)}*`)).filter((name) => !name.includes('|'));
  const flat = await client.callBuffer('HGETALL', key);
  const fields = Array.isArray(flat) ? flat.flat() : [...flat].flat();
  const ttl = await client.pttl(key);
  const value = fields.find((bytes) => bytes.length > 1000);
  return { key, fields, ttl, value };
}

/** Copies of the template under the numbers from one to the other. */
async function fill(client, { key, fields, ttl, value }, from, to) {
  const head = value.subarray(0, FINGERPRINT);
  const at = value.indexOf(digits(0), SUMMED_FROM);
  for (let first = from; first < to; first += BATCH) {
    const pipeline = client.pipeline();
    for (let n = first; n < Math.min(first + BATCH, to); n++) {
      const copy = Buffer.from(value);
      copy.write(digits(n), at);
      copy.writeUInt32BE(crc32(copy.subarray(SUMMED_FROM)), SUM_AT);
      const own = fields.map((bytes) => {
        if (bytes === value) return copy;
        const found = bytes.indexOf(head);
        return found < 0
          ? bytes
          : Buffer.concat([
              bytes.subarray(0, found),
              copy.subarray(0, FINGERPRINT),
              bytes.subarray(found + FINGERPRINT),
            ]);
      });
      const name = key.replace(digits(0), digits(n));
      pipeline.hset(name, ...own).pexpire(name, ttl);
    }
    await pipeline.exec();
  }
}
