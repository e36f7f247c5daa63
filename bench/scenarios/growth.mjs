// A cache with a thousand to a million keys: memory, and the cost of a hit. The first responses are stored through the
// package. The others are copies of one stored value, each with its own key in Redis and in its bytes, so that each is a
// hit.

import { freemem } from 'node:os';
import { crc32 } from 'node:zlib';
import { mb, ms, whole } from '../figures.mjs';
import { progress } from '../terminal.mjs';

const SAMPLE = 1000;
const SIZES = [1000, 10_000, 100_000, 1_000_000];
const BATCH = 2000;
/** An upper bound of the Redis memory for one response of 1 KB. */
const MAX_BYTES_EACH = 3000;
const CONNECTIONS = 4;
const SECONDS = 3;
/** Offsets in a stored response: its checksum, and the first byte that the checksum covers. */
const CHECKSUM_AT = 4;
const CHECKED_FROM = 8;

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
    const request = (n) => ({ path: `/1k${queryOf(n)}` });
    await load.call('learn', { port, requests: Array.from({ length: SAMPLE }, (_, n) => request(n)) });
    await process.call('sample');
    const stored = ((await redis.memory()).bytes - empty) / SAMPLE;
    const template = await templateOf(redis.client, prefix);
    await redis.empty();
    await load.call('forget');

    const rows = [];
    const skipped = [];
    let filled = 0;
    for (const size of SIZES.filter((size) => size <= options.growth)) {
      if (size * MAX_BYTES_EACH > freemem() / 2) {
        skipped.push({ name: `${whole(size)} keys`, why: 'not enough memory is free' });
        continue;
      }
      progress(title, whole(size));
      await writeCopies(redis.client, template, filled, size);
      filled = size;
      const { bytes } = await redis.memory();
      await load.call('learn', { port, requests: [{ ...request(0), as: '/1k' }] });
      const plan = { port, requests: [{ path: '/1k' }], randomKeys: size, check: 'same', hit: true };
      await load.call('run', { ...plan, connections: CONNECTIONS, seconds: 1 });
      await process.call('collectGarbage');
      const before = { ...(await process.call('sample')), redis: await redis.cpu() };
      const done = await load.call('run', { ...plan, connections: CONNECTIONS, seconds: SECONDS });
      const after = { ...(await process.call('sample')), redis: await redis.cpu() };
      const per = (field) => ((after[field] - before[field]) / done.answers).toFixed(1);
      const defects = done.wrong.map(([defect]) => defect);
      if (after.runs > before.runs) defects.push('the handler ran');
      const cells = [whole(size), mb(bytes - empty), `${Math.round((bytes - empty) / size)} B`];
      cells.push(ms(done.p50), ms(done.p99), per('cpu'), per('redis'), mb(after.rss), defects.join('; '));
      rows.push(cells);
    }
    return {
      head,
      rows,
      skipped,
      text:
        `${CONNECTIONS} connections request random keys. The first ${whole(SAMPLE)} keys were stored through the ` +
        `package, at ${Math.round(stored)} B of Redis memory each; those measured are copies of that stored form, ` +
        'written with HSET and PEXPIRE.',
    };
  } finally {
    await process.stop();
    await load.call('forget');
    await redis.empty();
  }
}

/** The number at the end of a key has a fixed length, so that copies differ in nothing else. */
const digits = (n) => String(n).padStart(8, '0');
const queryOf = (n) => `?k=${digits(n)}`;

/** The stored form of the first key. */
async function templateOf(client, prefix) {
  const [key] = (await client.keys(`${prefix}*${queryOf(0)}*`)).filter((name) => !name.includes('|'));
  const flat = await client.callBuffer('HGETALL', key);
  const fields = Array.isArray(flat) ? flat.flat() : [...flat].flat();
  const ttl = await client.pttl(key);
  const value = fields.find((bytes) => bytes.length > 1000);
  return { key, fields, ttl, value };
}

/** Writes copies of the template for the numbers `from` to `to`. */
async function writeCopies(client, { key, fields, ttl, value }, from, to) {
  // The envelope of the store, whose length is in its tenth byte, is the same in each copy.
  const begin = 10 + value[9];
  const at = value.indexOf(digits(0), begin + CHECKED_FROM);
  for (let first = from; first < to; first += BATCH) {
    const pipeline = client.pipeline();
    for (let n = first; n < Math.min(first + BATCH, to); n++) {
      const copy = Buffer.from(value);
      copy.write(digits(n), at);
      copy.writeUInt32BE(crc32(copy.subarray(begin + CHECKED_FROM)), begin + CHECKSUM_AT);
      const own = fields.map((bytes) => (bytes === value ? copy : bytes));
      const name = key.replace(digits(0), digits(n));
      pipeline.hset(name, ...own).pexpire(name, ttl);
    }
    await pipeline.exec();
  }
}
