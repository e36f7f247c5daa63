// The process that asks, and checks what it is told.

import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { resource } from './app.mjs';
import { serve } from './child.mjs';
import { Connection, Heads, requestBytes } from './client.mjs';

/** Fields of which it is the point to differ from one replay to the next, and those of the connection. */
const VARYING = new Set(['age', 'date', 'cache-status', 'connection', 'keep-alive']);
const SAID_OF_ANSWERS = 5;
const DECODERS = { br: brotliDecompressSync, gzip: gunzipSync };

const heads = new Heads();
/** The first answers, by request. */
const first = new Map();

serve({
  open() {},
  forget: () => first.clear(),
  learn,
  run,
});

/**
 * Asks one thing after the other, and keeps the answers as what those to come are compared with.
 * A request may say `as` which path its answer is to be kept.
 * @param coded what they must be encoded as.
 */
async function learn({ port, requests, coded }) {
  const connection = new Connection(port, heads);
  await connection.open();
  const answers = [];
  for (const request of requests) {
    const answer = await whole(connection, request, port);
    if (coded) checkDecoded(request, answer, coded);
    first.set(nameOf(port, { ...request, path: request.as ?? request.path }), answer);
    answers.push({ status: answer.head.status, fields: answer.head.fields, bytes: answer.body.length });
  }
  connection.close();
  return answers;
}

/** Decoded, it must be what the handler has to say. */
function checkDecoded({ path }, { head, body }, coded) {
  if (head.get('content-encoding') !== coded) throw new Error(`the answer is not in ${coded}`);
  const { bytes } = resource({ url: path, headers: {} });
  if (!DECODERS[coded](body).equals(bytes)) throw new Error('decoded, the answer is another');
}

function whole(connection, request, port) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    let head;
    connection.ask(requestBytes(request, port), request.method === 'HEAD', {
      head: (told) => {
        head = told;
      },
      body: (bytes, from, to) => chunks.push(Buffer.from(bytes.subarray(from, to))),
      done: (error) => (error ? reject(error) : resolve({ head, body: Buffer.concat(chunks) })),
    });
  });
}

/** All forms of a request have the same first answer. */
const nameOf = (port, { path, headers = {} }) => `${port} ${path} ${headers['Accept-Encoding'] ?? ''}`;

/** That to the very request, else that to its path: what is made anew differs in nothing else. */
const firstOf = (port, request) =>
  first.get(nameOf(port, request)) ??
  first.get(nameOf(port, { ...request, path: request.path.split('?', 1)[0] }));

/**
 * Asks for so many seconds, or so often.
 * @param check what the answers are to be: `same` as the first, `like` the first but made anew, `head`, `304`, `part`,
 *   or `any`.
 * @param unique goes behind each path with a number, so that no two requests are for the same.
 * @param patience after how many milliseconds an answer is given up.
 * @param hit whether `Cache-Status` must say so.
 * @param ports further ones that the connections are shared out over, next to `port`.
 * @param among of so many numbered paths, any.
 */
async function run(plan) {
  const { port, requests, connections, seconds, count = Infinity, check, unique, patience, hit } = plan;
  const { ports = [port], among } = plan;
  const asked = requests.map((request) => ({
    bytes: requestBytes(request, port),
    request,
    isHead: request.method === 'HEAD',
    // What answers to other forms of the request are made of.
    reference: firstOf(port, request),
    judged: new Map(),
  }));
  const times = [];
  const firstBytes = [];
  const wrong = new Map();
  let sent = 0;
  let lost = 0;
  let bytes = 0;
  let slowest = 0;

  const pool = Array.from({ length: connections }, (_, i) => new Connection(ports[i % ports.length], heads));
  await Promise.all(pool.map((connection) => connection.open()));

  const startedAt = performance.now();
  const until = seconds === undefined ? Infinity : startedAt + seconds * 1000;
  const cpuBefore = process.cpuUsage();

  const askOne = (connection) =>
    new Promise((resolve) => {
      const spec = asked[sent % asked.length];
      const n = sent++;
      const { request, isHead, reference } = spec;
      const query = among ? numbered(Math.floor(Math.random() * among)) : `?${unique}=${n}`;
      const wire =
        unique || among ? requestBytes({ ...request, path: request.path + query }, port) : spec.bytes;
      let defect;
      let at = 0;
      let offset = 0;
      const at0 = performance.now();
      const timer = patience && setTimeout(() => connection.close() ?? finish(new Error('late')), patience);
      const finish = (error) => {
        if (timer) clearTimeout(timer);
        const took = performance.now() - at0;
        if (error) lost++;
        else {
          times.push(took);
          slowest = Math.max(slowest, took);
          if (
            check !== 'any' &&
            !isHead &&
            check !== '304' &&
            !defect &&
            at !== expectedLength(check, reference, request)
          )
            defect = `a body of ${at} bytes`;
        }
        if (defect) wrong.set(defect, (wrong.get(defect) ?? 0) + 1);
        resolve();
      };
      connection.ask(wire, isHead, {
        head(head) {
          if (check === 'any') return;
          if (check === 'part') offset = Number(/=(\d+)/.exec(request.headers.Range)[1]);
          if (check === 'like') {
            if (head.status !== reference.head.status) defect = `status ${head.status}`;
            return;
          }
          let verdict = spec.judged.get(head);
          if (verdict === undefined) {
            verdict =
              (hit && !isHit(head) && 'no hit') || (judge(head, reference.head, check, request) ?? null);
            spec.judged.set(head, verdict);
          }
          if (verdict) defect = verdict;
        },
        body(buffer, from, to) {
          if (at === 0) firstBytes.push(performance.now() - at0);
          if (check !== 'any' && !defect) {
            const start = offset + at;
            if (
              reference.body.compare(
                buffer,
                from,
                to,
                start,
                Math.min(start + to - from, reference.body.length),
              ) !== 0
            )
              defect = 'other bytes';
          }
          at += to - from;
          bytes += to - from;
        },
        done: finish,
      });
    });

  await Promise.all(
    pool.map(async (connection) => {
      while (sent < count && performance.now() < until) {
        if (!connection.alive) await connection.open().catch(() => {});
        await askOne(connection);
      }
      connection.close();
    }),
  );

  const elapsed = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    answers: times.length,
    lost,
    bytes,
    elapsed,
    rate: (times.length / elapsed) * 1000,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    slowest,
    firstByte: quantile(firstBytes, 0.5),
    /** How busy this process was: near 1, it and not the target was the limit. */
    busy: (user + system) / 1000 / elapsed,
    wrong: [...wrong].slice(0, SAID_OF_ANSWERS),
  };
}

/** The query that tells one of many keys from the others. */
export const numbered = (n) => `?k=${String(n).padStart(8, '0')}`;

/** As RFC 9211 says it of the last cache on the way, the one that is asked. */
function isHit(head) {
  return /;\s*hit\b/.test(head.get('cache-status') ?? '');
}

function expectedLength(check, reference, request) {
  if (check !== 'part') return reference.body.length;
  const [from, to] = /=(\d+)-(\d+)/.exec(request.headers.Range).slice(1).map(Number);
  return to - from + 1;
}

/** What is not as it must be in a head, if anything is. */
function judge(head, reference, check, request) {
  const expected = { 304: 304, part: 206 }[check] ?? reference.status;
  if (head.status !== expected) return `status ${head.status}`;
  if (check === '304') return head.get('etag') === reference.get('etag') ? undefined : 'another ETag';
  const own = check === 'part' ? ['content-length', 'content-range'] : [];
  const compared = (fields) =>
    new Map(
      fields
        .map(([name, value]) => [name.toLowerCase(), value])
        .filter(([name]) => !VARYING.has(name) && !own.includes(name)),
    );
  const had = compared(reference.fields);
  const has = compared(head.fields);
  const missing = [...had.keys()].filter((name) => !has.has(name));
  const changed = [...had].filter(([name, value]) => has.has(name) && has.get(name) !== value);
  const added = [...has.keys()].filter((name) => !had.has(name));
  const parts = [
    missing.length > 0 && `lost ${missing.join(', ')}`,
    changed.length > 0 && `changed ${changed.map(([name]) => name).join(', ')}`,
    added.length > 0 && `added ${added.join(', ')}`,
    check === 'part' &&
      !head.get('content-range')?.startsWith(request.headers.Range.replace('=', ' ')) &&
      'another range',
  ].filter(Boolean);
  return parts.length > 0 ? parts.join('; ') : undefined;
}

/** Nearest rank. */
function quantile(values, q) {
  if (values.length === 0) return 0;
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
}
