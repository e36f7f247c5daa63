// The scenarios: requests, required answers and targets. The goals of this package.

import { FLOORS, HANDLERS, LEAN_FLOORS, THROUGH_CLIENTS } from '../targets.mjs';

const get = (path, headers) => ({ path, headers });

const PACKAGE = ['node rrc', 'express rrc'];
const VARIANTS = ['express rrc, near', 'express rrc, front door', 'express rrc, front door, near'];
const OTHER_BUILD = ['node other', 'express other'];
const BASES = [
  'node handler alone',
  'node floor',
  'node floor, corked',
  'express handler alone',
  'express floor',
];
const FEW = [...BASES, ...PACKAGE, ...OTHER_BUILD];
const ALL = [...FEW, ...VARIANTS, 'express rrc, in process', 'peers', 'servers'];

const LEAN = ['express handler alone', 'express lean floor', 'node lean floor, corked', 'node map floor'];
const TRAFFIC = [
  ...LEAN,
  'express rrc',
  'express rrc, front door',
  'express rrc, front door, near',
  ...OTHER_BUILD,
];

/**
 * Requests for traffic arrive at this share of the throughput of the floor, at all targets of a front end alike: in a closed
 * loop a slower target gets fewer requests at once, and each of its writes has to wake a client that waits.
 */
const ARRIVALS = 0.4;

/** @param hits the share of requests for what is stored. */
const traffic = (hits, more = []) => ({
  title: `Traffic, ${hits * 100} % hits`,
  traffic: { order: 'zipf', hits },
  load: { connections: 50 },
  arrivals: ARRIVALS,
  targets: [...TRAFFIC, ...more],
  floors: LEAN_FLOORS,
});
const turn = (keys) => ({
  title: `Hit, 1 KB, ${keys.toLocaleString('en-US')} keys in turn, Vary: Accept-Encoding`,
  traffic: { order: 'turn', keys, size: 1024 },
  load: { connections: 50 },
  arrivals: ARRIVALS,
  targets: TRAFFIC,
  floors: LEAN_FLOORS,
  everyNode: true,
});
/** @param size `1k` or `50k`. */
const coldMiss = (size) => ({
  title: `Miss and store, ${size.slice(0, -1)} KB, handler 20 ms`,
  requests: [get(`/wait/${size}`)],
  check: 'like',
  unique: true,
  load: { connections: 20 },
  targets: [
    'express handler alone',
    'express lean floor',
    'express rrc',
    'express rrc, front door',
    ...OTHER_BUILD,
    'Redis peers',
  ],
  floors: LEAN_FLOORS,
  quick: true,
});

/** The same requests over each client library. */
const BY_CLIENT = [
  'express handler alone',
  'express lean floor',
  'express rrc',
  ...Object.keys(THROUGH_CLIENTS),
];

/** CPU per request in interleaved rounds, as a ratio to the floor of the same round: `check` and `unique` as in load-process.mjs. */
const rates = {
  'hit-1k': {
    title: 'Hit, 1 KB',
    requests: [get('/1k')],
    check: 'same',
    targets: ALL,
    quick: true,
    everyNode: true,
  },
  'hit-50k': {
    title: 'Hit, 50 KB',
    requests: [get('/50k')],
    check: 'same',
    targets: ALL,
    quick: true,
    everyNode: true,
  },
  'traffic-0': traffic(0),
  'traffic-50': traffic(0.5),
  'traffic-90': { ...traffic(0.9), quick: true },
  'traffic-99': { ...traffic(0.99, ['peers']), everyNode: true },
  'turn-2000': turn(2000),
  'turn-10000': turn(10_000),
  'hit-50k-br': {
    title: 'Hit, 50 KB, to a client that takes Brotli',
    requests: [get('/50k', { 'Accept-Encoding': 'br' })],
    check: 'same',
    coding: 'br',
    targets: ['express floor, br', 'express compression', 'express rrc, compress'],
    floors: { express: 'express floor, br' },
  },
  'hit-500k': {
    title: 'Hit, 500 KB',
    requests: [get('/500k')],
    check: 'same',
    targets: [...FEW, ...VARIANTS, 'express rrc, in process'],
  },
  'many-50k': {
    title: 'Hit, 50 KB, 1000 keys in turn',
    requests: Array.from({ length: 1000 }, (_, i) => get(`/50k?${i}`)),
    check: 'same',
    targets: FEW,
  },
  304: {
    title: 'Not modified, of 50 KB',
    requests: [get('/50k', { 'If-None-Match': '"51200-plain"' })],
    check: '304',
    targets: [...FEW, ...VARIANTS, 'express rrc, in process', 'servers'],
  },
  head: {
    title: 'HEAD, of 50 KB',
    requests: [{ method: 'HEAD', path: '/50k' }],
    check: 'head',
    targets: FEW,
  },
  range: {
    title: 'Range, 1 KB of 50 KB',
    requests: [get('/50k', { Range: 'bytes=1024-2047' })],
    check: 'part',
    targets: FEW.filter((name) => !name.includes('alone')),
  },
  vary: {
    title: 'Hit, 1 KB, three variants by Accept-Encoding',
    requests: ['gzip', 'br', 'identity'].map((encoding) => get('/vary/1k', { 'Accept-Encoding': encoding })),
    check: 'same',
    targets: FEW,
  },
  'miss-1k': coldMiss('1k'),
  'miss-50k': coldMiss('50k'),
  'clients-hit': {
    ...turn(2000),
    title: 'Hit, 1 KB, 2,000 keys in turn, by client',
    targets: BY_CLIENT,
    everyNode: false,
  },
  'clients-miss': {
    ...coldMiss('1k'),
    title: 'Miss and store, 1 KB, handler 20 ms, by client',
    targets: BY_CLIENT,
    quick: false,
  },
  'not-storable': {
    title: 'Miss, not stored: 1 KB, private',
    requests: [get('/private/1k')],
    check: 'like',
    unique: true,
    targets: FEW,
  },
  forwarded: {
    title: 'Forwarded: OPTIONS, 1 KB',
    requests: [{ method: 'OPTIONS', path: '/1k' }],
    check: 'like',
    targets: FEW.filter((name) => !name.includes('floor')),
    floors: HANDLERS,
  },
  unsafe: {
    title: 'Forwarded, invalidates: POST, 1 KB',
    requests: [{ method: 'POST', path: '/1k', headers: { 'Content-Length': '0' } }],
    check: 'like',
    targets: FEW.filter((name) => !name.includes('floor')),
    floors: HANDLERS,
  },
};

const REDIS_ONLY = [...FEW.filter((name) => !name.includes('alone')), 'Redis peers'];

/** Scenarios with a measurement and columns of their own. */
const others = {
  herd: {
    title: '200 requests at once for one cold key, handler 50 ms',
    targets: [...REDIS_ONLY, 'peers', 'servers'],
  },
  stream: {
    title: 'A stream of 50 MB',
    targets: [...FEW.filter((name) => !name.includes('corked')), 'peers'],
  },
  latency: {
    title: 'Latency of traffic at constant arrivals',
    traffic: { order: 'zipf', hits: 0.9 },
    load: { connections: 50 },
    targets: TRAFFIC.filter((name) => name !== 'node map floor'),
    floors: LEAN_FLOORS,
  },
  memory: {
    title: 'Memory per key',
    targets: ['express floor', 'express rrc', 'express rrc, large near', 'express other'],
  },
  soak: { title: 'Memory over time: traffic, and purges every few ms', targets: [] },
  'redis-hangs': {
    title: 'Redis hangs (SIGSTOP), 8 clients, 3 s',
    targets: REDIS_ONLY,
    // The timeout of the package's default; its faults are expected.
    settings: { timeout: undefined, quiet: true },
  },
  processes: { title: 'Processes on one Redis, and on a Cluster of three masters', targets: ['express rrc'] },
  growth: { title: 'A thousand to a million keys, 1 KB each', targets: ['express rrc'] },
  compression: { title: 'Compressed once: JSON of 50 KB', targets: [] },
  staleness: { title: 'Near cache: after a purge by another process', targets: [] },
  tracking: { title: 'Client tracking: its cost in Redis', targets: [] },
};

export const scenarios = Object.fromEntries(
  [...Object.entries(rates), ...Object.entries(others)].map(([id, scenario]) => [
    id,
    { floors: FLOORS, ...scenario, id, rate: id in rates },
  ]),
);

/**
 * The goals of this package: `target` uses at most `limit` times the CPU of the target `of`. With `adds`, both are
 * counted without the CPU of the target `adds`. With `figure`, that figure of the scenario is at most `limit`, or at
 * most `plus.more` above that of the target `plus.of`.
 */
export const goals = [
  ...['traffic-99', 'turn-2000', 'turn-10000'].flatMap((id) => [
    { id, target: 'express rrc', of: 'express lean floor', limit: 1.2 },
    { id, target: 'express rrc, front door', of: 'node lean floor, corked', limit: 1.2 },
    {
      id,
      target: 'express rrc, front door, near',
      of: 'node map floor',
      limit: id === 'turn-10000' ? 1.35 : 1.25,
    },
  ]),
  { id: 'hit-1k', target: 'express rrc', of: 'express floor', limit: 1.1 },
  { id: 'hit-50k', target: 'express rrc', of: 'express floor', limit: 1.05 },
  { id: 'hit-50k-br', target: 'express rrc, compress', of: 'express floor, br', limit: 1.1 },
  { id: 'hit-1k', target: 'express rrc, front door', of: 'node floor, corked', limit: 1.1 },
  { id: 'hit-50k', target: 'express rrc, front door', of: 'node floor, corked', limit: 1.1 },
  { id: 'hit-1k', target: 'express rrc, near', of: 'express handler alone', limit: 1.1 },
  { id: 'hit-1k', target: 'express rrc, front door, near', of: 'node handler alone', limit: 1.15 },
  ...['miss-1k', 'miss-50k'].flatMap((id) => [
    { id, target: 'express rrc', of: 'express lean floor', limit: 1.6, adds: 'express handler alone' },
    { id, target: 'express rrc', of: 'express lean floor', limit: 1.6, field: 'redisCpu' },
  ]),
  ...['p99', 'hitsP99'].map((figure) => ({
    id: 'latency',
    target: 'express rrc',
    figure: `${figure}At60`,
    limit: 1.2,
    text: `p99 of ${figure === 'p99' ? 'all requests' : 'hits'} at 60 % load / express lean floor`,
  })),
  // A key in a Map takes more than 40 bytes.
  {
    id: 'memory',
    target: 'express rrc',
    figure: 'perKey',
    limit: 8,
    text: 'bytes in the process per further key',
  },
  { id: 'herd', target: 'express rrc', figure: 'runs', limit: 1, text: 'runs of the handler' },
  {
    id: 'stream',
    target: 'express rrc',
    figure: 'firstByte',
    plus: { of: 'express handler alone', more: 20 },
    text: 'first byte in ms, at most 20 after the handler alone',
  },
  {
    id: 'stream',
    target: 'express rrc',
    figure: 'grown',
    plus: { of: 'express handler alone', more: 16 },
    text: 'memory over idle in MB, at most 16 above the handler alone',
  },
  {
    id: 'redis-hangs',
    target: 'express rrc',
    figure: 'unanswered',
    limit: 0,
    text: 'requests without an answer',
  },
  // `timeout` is 100 ms; in a busy process its timer fires later.
  { id: 'redis-hangs', target: 'express rrc', figure: 'slowest', limit: 250, text: 'slowest answer in ms' },
];
