// The process that sends the requests and checks the answers.

import { constants, getPriority, setPriority } from 'node:os';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { resourceOf } from './app.mjs';
import { arrive } from './arrivals.mjs';
import { answerCalls } from './child.mjs';
import { Connection, HeadParser, requestBytes } from './client.mjs';
import { isBodyOf, trafficOf } from './traffic.mjs';

/** Fields that may differ from one replay to the next, and those of the connection. */
const VARYING = new Set(['age', 'date', 'cache-status', 'connection', 'keep-alive']);
const MAX_DEFECTS = 5;
const DECODERS = { br: brotliDecompressSync, gzip: gunzipSync };

const heads = new HeadParser();
/** The reference answer of each request. */
const references = new Map();

answerCalls({
  open() {},
  forget: () => references.clear(),
  learn,
  run,
  runOpen,
});

/**
 * Sends the requests one after the other, and keeps their answers as references for later runs.
 *
 * @param requests a request with `as` gives the reference for that path.
 * @param coding the content coding that the answers must have.
 */
async function learn({ port, requests, coding }) {
  const connection = new Connection(port, heads);
  await connection.open();
  const answers = [];
  for (const request of requests) {
    const answer = await answerTo(connection, request, port);
    if (coding) checkDecoded(request, answer, coding);
    references.set(nameOf(port, { ...request, path: request.as ?? request.path }), answer);
    answers.push({ status: answer.head.status, fields: answer.head.fields, bytes: answer.body.length });
  }
  connection.close();
  return answers;
}

/** Decoded, the body must be the handler's. */
function checkDecoded({ path }, { head, body }, coding) {
  if (head.get('content-encoding') !== coding)
    throw new Error(`the answer has no Content-Encoding: ${coding}`);
  const { bytes } = resourceOf({ url: path, headers: {} });
  if (!DECODERS[coding](body).equals(bytes)) throw new Error("the decoded answer is not the handler's body");
}

function answerTo(connection, request, port) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    let head;
    connection.send(requestBytes(request, port), request.method === 'HEAD', {
      head: (arrived) => {
        head = arrived;
      },
      body: (bytes, from, to) => chunks.push(Buffer.from(bytes.subarray(from, to))),
      done: (error) => (error ? reject(error) : resolve({ head, body: Buffer.concat(chunks) })),
    });
  });
}

/** All forms of a request (HEAD, conditional, range) share one reference. */
const nameOf = (port, { path, headers = {} }) => `${port} ${path} ${headers['Accept-Encoding'] ?? ''}`;

/** The reference of the request, else that of its path without the query: only the query makes the request unique. */
const referenceOf = (port, request) =>
  references.get(nameOf(port, request)) ??
  references.get(nameOf(port, { ...request, path: request.path.split('?', 1)[0] }));

/**
 * Sends the requests in turn for `seconds`, or `count` of them, over `connections`.
 *
 * @param traffic in place of `requests`: see `trafficOf`. Each answer must have the status and the bytes of its resource.
 * @param check what an answer must be: `same` (head and body of the reference), `like` (its status and body), `head`
 *   (its head), `304`, `part` (a range of it), or `any`.
 * @param unique a name: each path gets a query of it and a number, so that no two requests are for one cache key.
 * @param first the number of the first request, by which its path and its query are chosen.
 * @param randomKeys a number: each path gets a random one of so many numbered queries.
 * @param patience milliseconds after which a request is given up.
 * @param hit whether `Cache-Status` must say `hit`.
 * @param ports of several processes, in place of `port`: the connections are spread over them.
 */
async function run(plan) {
  const { connections, seconds, first = 0, count = Infinity, patience } = plan;
  const ask = askerOf(plan);
  const durations = [];
  const firstByteDurations = [];
  const wrong = new Map();
  let sent = 0;
  let lost = 0;
  let bytes = 0;
  let slowest = 0;

  const pool = await openPool(plan, connections);
  const startedAt = performance.now();
  const until = seconds === undefined ? Infinity : startedAt + seconds * 1000;
  const cpuBefore = process.cpuUsage();

  const sendOne = (connection) =>
    new Promise((resolve) => {
      const asked = ask(first + sent++);
      const sentAt = performance.now();
      const timer =
        patience && setTimeout(() => connection.close() ?? finish(new Error('no answer')), patience);
      const finish = (error, defect) => {
        if (timer) clearTimeout(timer);
        const duration = performance.now() - sentAt;
        if (error) lost++;
        else {
          durations.push(duration);
          slowest = Math.max(slowest, duration);
        }
        if (defect) wrong.set(defect, (wrong.get(defect) ?? 0) + 1);
        resolve();
      };
      sendChecked(connection, asked, {
        body(length, isFirst) {
          if (isFirst) firstByteDurations.push(performance.now() - sentAt);
          bytes += length;
        },
        done: finish,
      });
    });

  await Promise.all(
    pool.map(async (connection) => {
      while (sent < count && performance.now() < until) {
        if (!connection.alive) await connection.open().catch(() => {});
        await sendOne(connection);
      }
      connection.close();
    }),
  );

  const elapsed = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    answers: durations.length,
    lost,
    bytes,
    elapsed,
    rate: (durations.length / elapsed) * 1000,
    p50: nearestRank(durations, 0.5),
    p99: nearestRank(durations, 0.99),
    slowest,
    firstByte: nearestRank(firstByteDurations, 0.5),
    /** Share of one core that this process used: near 1, the load and not the target limits the rate. */
    busy: (user + system) / 1000 / elapsed,
    wrong: [...wrong].slice(0, MAX_DEFECTS),
    ...ask.hits?.(),
  };
}

/**
 * Sends `count` requests at `rate` per second, whether or not the earlier ones are answered; the rest of the plan is as
 * for `run`.
 *
 * @returns latencies in milliseconds of `all` requests and of those for what is stored (`known`), and the `lateness` at
 *   p99 with which this process sent them: see `arrive`.
 */
async function runOpen(plan) {
  return withPriority(() => runArrivals(plan));
}

async function runArrivals(plan) {
  const { rate, first = 0, count, connections } = plan;
  const ask = askerOf(plan);
  const wrong = new Map();
  const isNew = new Uint8Array(count);
  const pool = await openPool(plan, connections);
  const cpuBefore = process.cpuUsage();
  const { latencies, lateness, waited, elapsed } = await arrive({
    rate,
    count,
    pool,
    send(connection, n, done) {
      const asked = ask(first + n);
      isNew[n] = asked.isNew ? 1 : 0;
      sendChecked(connection, asked, {
        done(error, defect) {
          if (defect) wrong.set(defect, (wrong.get(defect) ?? 0) + 1);
          done(error);
        },
      });
    },
  });
  const { user, system } = process.cpuUsage(cpuBefore);
  for (const connection of pool) connection.close();
  const answered = latencies.filter((latency) => !Number.isNaN(latency));
  return {
    answers: answered.length,
    lost: count - answered.length,
    elapsed,
    all: percentilesOf(answered),
    known: percentilesOf(latencies.filter((latency, n) => !isNew[n] && !Number.isNaN(latency))),
    lateness: nearestRank(lateness, 0.99),
    waited,
    busy: (user + system) / 1000 / elapsed,
    wrong: [...wrong].slice(0, MAX_DEFECTS),
    counted: ask.hits?.(),
  };
}

/** Where the system allows it, the target cannot delay what is due: in life the clients have CPUs of their own. */
async function withPriority(work) {
  const usual = getPriority();
  try {
    setPriority(constants.priority.PRIORITY_HIGH);
  } catch {
    // A process without the right to.
  }
  try {
    return await work();
  } finally {
    try {
      setPriority(usual);
    } catch {
      // It was not raised.
    }
  }
}

const askerOf = (plan) => (plan.traffic ? trafficAsker(plan) : listAsker(plan));

async function openPool({ port, ports = [port] }, size) {
  const pool = Array.from({ length: size }, (_, i) => new Connection(ports[i % ports.length], heads));
  await Promise.all(pool.map((connection) => connection.open()));
  return pool;
}

/**
 * Sends one request, and compares the answer while it arrives. `done` is called with the error, or with the first thing
 * that is wrong with the answer.
 */
function sendChecked(connection, asked, { body, done }) {
  let defect;
  let received = 0;
  connection.send(asked.wire, asked.isHead, {
    head(head) {
      defect = asked.defectOf(head);
    },
    body(buffer, from, to) {
      body?.(to - from, received === 0);
      if (!defect && !asked.matches(buffer, from, to, received)) defect = 'other bytes';
      received += to - from;
    },
    done(error) {
      if (!error && !defect && asked.length !== undefined && received !== asked.length)
        defect = `a body of ${received} bytes`;
      done(error, defect);
    },
  });
}

/** Asks for a list of requests in turn. Equal requests are compared with one reference. */
function listAsker({ port, requests, check, unique, randomKeys, hit }) {
  const specs = requests.map((request) => ({
    bytes: requestBytes(request, port),
    request,
    isHead: request.method === 'HEAD',
    reference: referenceOf(port, request),
    /** Defects by head: equal heads are one object. */
    checked: new Map(),
  }));
  return (n) => {
    const { bytes, request, isHead, reference, checked } = specs[n % specs.length];
    const query = randomKeys ? numbered(Math.floor(Math.random() * randomKeys)) : `?${unique}=${n}`;
    const wire =
      unique || randomKeys ? requestBytes({ ...request, path: request.path + query }, port) : bytes;
    const offset = check === 'part' ? Number(/=(\d+)/.exec(request.headers.Range)[1]) : 0;
    const hasBody = check !== 'any' && !isHead && check !== '304';
    return {
      wire,
      isHead,
      length: hasBody ? expectedLength(check, reference, request) : undefined,
      defectOf(head) {
        if (check === 'any') return undefined;
        if (check === 'like')
          return head.status === reference.head.status ? undefined : `status ${head.status}`;
        let defect = checked.get(head);
        if (defect === undefined) {
          defect =
            (hit && !isHit(head) && 'no hit') || (headDefectOf(head, reference.head, check, request) ?? null);
          checked.set(head, defect);
        }
        return defect ?? undefined;
      },
      matches(buffer, from, to, received) {
        if (check === 'any') return true;
        const start = offset + received;
        const end = Math.min(start + to - from, reference.body.length);
        return reference.body.compare(buffer, from, to, start, end) === 0;
      },
    };
  };
}

/** Asks as traffic does. Beside the checks it counts how many requests for stored responses were hits. */
function trafficAsker({ traffic, unique }) {
  const source = trafficOf(traffic);
  let known = 0;
  let hits = 0;
  const ask = (n) => {
    const { resource, isNew, bytes } = source.at(n, unique);
    return {
      wire: bytes,
      isHead: false,
      isNew,
      length: resource.size,
      defectOf(head) {
        if (!isNew) known++;
        if (isHit(head)) hits++;
        return head.status === 200 ? undefined : `status ${head.status}`;
      },
      matches: (buffer, from, to, received) => isBodyOf(resource, buffer, from, to, received),
    };
  };
  ask.hits = () => ({ known, hits });
  return ask;
}

/** The query of one of many keys. */
const numbered = (n) => `?k=${String(n).padStart(8, '0')}`;

/** The cache under test is the last member of `Cache-Status` (RFC 9211 §2). */
function isHit(head) {
  return /;\s*hit\b/.test(head.get('cache-status') ?? '');
}

function expectedLength(check, reference, request) {
  if (check !== 'part') return reference.body.length;
  const [from, to] = /=(\d+)-(\d+)/.exec(request.headers.Range).slice(1).map(Number);
  return to - from + 1;
}

/** What is wrong with a head, or `undefined`. */
function headDefectOf(head, reference, check, request) {
  const expected = { 304: 304, part: 206 }[check] ?? reference.status;
  if (head.status !== expected) return `status ${head.status}`;
  if (check === '304') return head.get('etag') === reference.get('etag') ? undefined : 'another ETag';
  const ofPart = check === 'part' ? ['content-length', 'content-range'] : [];
  const compared = (fields) =>
    new Map(
      fields
        .map(([name, value]) => [name.toLowerCase(), value])
        .filter(([name]) => !VARYING.has(name) && !ofPart.includes(name)),
    );
  const before = compared(reference.fields);
  const now = compared(head.fields);
  const missing = [...before.keys()].filter((name) => !now.has(name));
  const changed = [...before].filter(([name, value]) => now.has(name) && now.get(name) !== value);
  const added = [...now.keys()].filter((name) => !before.has(name));
  const defects = [
    missing.length > 0 && `lost ${missing.join(', ')}`,
    changed.length > 0 && `changed ${changed.map(([name]) => name).join(', ')}`,
    added.length > 0 && `added ${added.join(', ')}`,
    check === 'part' &&
      !head.get('content-range')?.startsWith(request.headers.Range.replace('=', ' ')) &&
      'another range',
  ].filter(Boolean);
  return defects.length > 0 ? defects.join('; ') : undefined;
}

function nearestRank(values, q) {
  if (values.length === 0) return 0;
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
}

const percentilesOf = (values) => ({
  p50: nearestRank(values, 0.5),
  p99: nearestRank(values, 0.99),
  p999: nearestRank(values, 0.999),
});
