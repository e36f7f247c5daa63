// Traffic as an API in front of browsers and programs has it: which URLs are asked for how often, how large their
// responses are, and what clients send. Everything follows from seeds, so each target gets the same requests.

export const KEYS = 10_000;
/** The exponent of the Zipf law: the URL of rank r is asked for in proportion to 1 / r^0.9. */
const ZIPF = 0.9;
/** Requests of one round trip through the sequence. */
const LENGTH = 10_000;
const SESSIONS = 500;

/** Sizes in bytes, at most so large in this share of the responses: half are below 3 KB, a tenth above 32 KB. */
const SIZES = [
  [0, 300],
  [0.1, 500],
  [0.25, 1100],
  [0.5, 3000],
  [0.75, 10_000],
  [0.9, 32_000],
  [0.97, 80_000],
  [1, 200_000],
];

/** `Accept-Encoding` of clients, each with its share: Chrome, other browsers, programs, and programs that take no coding. */
const ENCODINGS = [
  [0.55, 'gzip, deflate, br, zstd'],
  [0.3, 'gzip, deflate, br'],
  [0.1, 'gzip'],
  [0.05, undefined],
];

const FIELDS = [
  'Host: api.example.com',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'Accept: application/json, text/plain, */*',
  'Accept-Language: en-GB,en;q=0.9,de;q=0.8',
];

const ITEM = '{"id":48151623,"name":"Benchmark","tags":["a","b"]},';
const FILLER_TEXT = ITEM.repeat(Math.ceil(200_000 / ITEM.length));
const FILLER = Buffer.from(FILLER_TEXT);
const OPEN_LENGTH = openOf(0).length;

/** The first bytes of a body, which tell its URL. */
function openOf(key) {
  return `{"key":"${String(key).padStart(6, '0')}",`;
}

/** The size of the response for a key. @param fixed one size for all, in bytes. */
export function sizeOf(key, fixed) {
  if (fixed) return fixed;
  const share = hash(key);
  const above = SIZES.findIndex(([limit]) => limit > share);
  const [[from, least], [to, most]] = SIZES.slice(above - 1, above + 1);
  return Math.round(least * (most / least) ** ((share - from) / (to - from)));
}

/** A number from 0 to 1 for each key, spread evenly. */
function hash(key) {
  let mixed = Math.imul(key + 1, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b);
  return ((mixed ^ (mixed >>> 13)) >>> 0) / 2 ** 32;
}

/** The resource at `/t/SIZE/KEY`, where SIZE is `any` or a number of bytes. */
export function trafficResource(path) {
  const [, , fixed, name] = path.split('/');
  const key = Number(name);
  const size = sizeOf(key, Number(fixed) || undefined);
  return {
    kind: 'traffic',
    key,
    size,
    get text() {
      return openOf(key) + FILLER_TEXT.slice(0, size - OPEN_LENGTH);
    },
  };
}

/** The header fields that the handler sets, beside `X-Run` and `Content-Length`. */
export const trafficFields = ({ key, size }) => [
  ['Content-Type', 'application/json; charset=utf-8'],
  ['ETag', `"${key}-${size}"`],
  ['Last-Modified', 'Thu, 01 Jan 2026 00:00:00 GMT'],
  ['Content-Language', 'en'],
  ['X-Content-Type-Options', 'nosniff'],
  ['Vary', 'Accept-Encoding'],
];

/** What a hand-written cache tells variants apart by. */
export function codingOf(accepted) {
  if (accepted === undefined) return '-';
  return accepted.includes('br') ? 'b' : 'g';
}

/** Whether bytes of a body that begin at an offset are those of a resource. */
export function isBodyOf({ key, size }, bytes, from, to, offset) {
  if (offset + to - from > size) return false;
  let at = from;
  if (offset < OPEN_LENGTH) {
    const open = Buffer.from(openOf(key));
    at = Math.min(to, from + OPEN_LENGTH - offset);
    if (open.compare(bytes, from, at, offset, offset + at - from) !== 0) return false;
  }
  const start = offset + at - from - OPEN_LENGTH;
  return at === to || FILLER.compare(bytes, at, to, start, start + to - at) === 0;
}

const sequences = new Map();

/**
 * The requests of a kind of traffic, over and over.
 * @param order `zipf`, by popularity, from clients of all kinds; or `turn`, each key in turn, from one kind of client.
 * @param hits the share of requests for what is stored; the others are for URLs that nobody has asked for.
 * @param size one size for all responses, in bytes.
 */
export function trafficOf({ order, hits = 1, keys = KEYS, size }) {
  const name = JSON.stringify([order, keys, size]);
  if (!sequences.has(name)) sequences.set(name, sequenceOf(order, keys, size));
  const sequence = sequences.get(name);
  const random = randomOf(1);
  return {
    length: sequence.length,
    /** @param unique a name that tells new URLs of this run from those of others. */
    at(n, unique) {
      const request = sequence[n % sequence.length];
      if (hits === 1 || random() < hits) return request;
      const { path, lines, resource } = request;
      return { resource, isNew: true, bytes: bytesOf(`${path}?${unique}=${n}`, lines) };
    },
  };
}

function sequenceOf(order, keys, size) {
  const random = randomOf(7);
  const rank = zipf(keys);
  return Array.from({ length: order === 'turn' ? keys : LENGTH }, (_, i) => {
    const key = order === 'turn' ? i : rank(random());
    const encoding = order === 'turn' ? 'gzip, deflate, br' : pick(ENCODINGS, random());
    const hasCookie = order !== 'turn' && random() < 0.5;
    const session = Math.floor(random() * SESSIONS);
    const lines = [...FIELDS];
    if (encoding) lines.push(`Accept-Encoding: ${encoding}`);
    if (hasCookie) lines.push(`Cookie: theme=dark; sid=s%3A${session.toString(36).padStart(24, 'x')}`);
    const path = `/t/${size ?? 'any'}/${key}`;
    return { path, lines, resource: trafficResource(path), isNew: false, bytes: bytesOf(path, lines) };
  });
}

function bytesOf(path, lines) {
  return Buffer.from(`GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
}

function pick(shares, random) {
  let left = random;
  for (const [share, value] of shares) {
    left -= share;
    if (left < 0) return value;
  }
  return shares.at(-1)[1];
}

/** @returns for a number from 0 to 1, a key; 0 is the most popular. */
function zipf(keys) {
  const sums = [];
  let sum = 0;
  for (let rank = 1; rank <= keys; rank++) {
    sum += rank ** -ZIPF;
    sums.push(sum);
  }
  return (random) => {
    const wanted = random * sum;
    let [low, high] = [0, keys - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** Mulberry32: numbers from 0 to 1, the same ones for each seed. */
function randomOf(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
