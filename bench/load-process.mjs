// The process that sends the requests and checks the answers.

import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { resourceOf } from './app.mjs';
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
 * @param randomKeys a number: each path gets a random one of so many numbered queries.
 * @param patience milliseconds after which a request is given up.
 * @param hit whether `Cache-Status` must say `hit`.
 * @param ports of several processes, in place of `port`: the connections are spread over them.
 */
async function run(plan) {
  const { port, connections, seconds, count = Infinity, patience } = plan;
  const { ports = [port] } = plan;
  const ask = plan.traffic ? trafficAsker(plan) : listAsker(plan);
  const durations = [];
  const firstByteDurations = [];
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

  const sendOne = (connection) =>
    new Promise((resolve) => {
      const asked = ask(sent++);
      let defect;
      let received = 0;
      const sentAt = performance.now();
      const timer =
        patience && setTimeout(() => connection.close() ?? finish(new Error('no answer')), patience);
      const finish = (error) => {
        if (timer) clearTimeout(timer);
        const duration = performance.now() - sentAt;
        if (error) lost++;
        else {
          durations.push(duration);
          slowest = Math.max(slowest, duration);
          if (!defect && asked.length !== undefined && received !== asked.length)
            defect = `a body of ${received} bytes`;
        }
        if (defect) wrong.set(defect, (wrong.get(defect) ?? 0) + 1);
        resolve();
      };
      connection.send(asked.wire, asked.isHead, {
        head(head) {
          defect = asked.defectOf(head);
        },
        body(buffer, from, to) {
          if (received === 0) firstByteDurations.push(performance.now() - sentAt);
          if (!defect && !asked.matches(buffer, from, to, received)) defect = 'other bytes';
          received += to - from;
          bytes += to - from;
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
    ...(ask.hits && ask.hits()),
  };
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
