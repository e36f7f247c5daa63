// What is asked of the targets, what their answers must be, and what this package is to reach.

import { CONSTANTS, FLOORS } from './targets.mjs';

const get = (path, headers) => ({ path, headers });

const OURS = ['node rrc', 'express rrc'];
const DOORS = ['express rrc, near', 'express rrc, front door', 'express rrc, front door, near'];
const ELSEWHERE = ['node other', 'express other'];
const BARE = ['node constant', 'node floor', 'node floor, corked', 'express constant', 'express floor'];
const FEW = [...BARE, ...OURS, ...ELSEWHERE];
const ALL = [...FEW, ...DOORS, 'express rrc, in process', 'peers', 'servers'];

/** Each runs in interleaved rounds: every target's figures are set against its floor's of the same round. */
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
  'hit-50k-br': {
    title: 'Hit, 50 KB, to a client that takes Brotli',
    requests: [get('/50k', { 'Accept-Encoding': 'br' })],
    check: 'same',
    coded: 'br',
    targets: ['express floor, br', 'express compression', 'express rrc, compress'],
    floors: { express: 'express floor, br' },
  },
  'hit-500k': {
    title: 'Hit, 500 KB',
    requests: [get('/500k')],
    check: 'same',
    targets: [...FEW, ...DOORS, 'express rrc, in process'],
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
    targets: [...FEW, ...DOORS, 'express rrc, in process', 'servers'],
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
    targets: FEW.filter((name) => !name.includes('constant')),
  },
  vary: {
    title: 'Hit, 1 KB, three variants by Accept-Encoding',
    requests: ['gzip', 'br', 'identity'].map((encoding) => get('/vary/1k', { 'Accept-Encoding': encoding })),
    check: 'same',
    targets: FEW,
  },
  'miss-1k': {
    title: 'Miss and store, 1 KB',
    requests: [get('/1k')],
    check: 'like',
    unique: true,
    targets: [...FEW, 'Redis peers'],
    quick: true,
  },
  'miss-50k': {
    title: 'Miss and store, 50 KB',
    requests: [get('/50k')],
    check: 'like',
    unique: true,
    targets: [...FEW, 'Redis peers'],
    quick: true,
  },
  refused: {
    title: 'Miss, not stored: 1 KB, private',
    requests: [get('/private/1k')],
    check: 'like',
    unique: true,
    targets: FEW,
  },
  pass: {
    title: 'Passed through: OPTIONS, 1 KB',
    requests: [{ method: 'OPTIONS', path: '/1k' }],
    check: 'like',
    targets: FEW.filter((name) => !name.includes('floor')),
    floors: CONSTANTS,
  },
  unsafe: {
    title: 'Passed through and invalidating: POST, 1 KB',
    requests: [{ method: 'POST', path: '/1k', headers: { 'Content-Length': '0' } }],
    check: 'like',
    targets: FEW.filter((name) => !name.includes('floor')),
    floors: CONSTANTS,
  },
};

const REDIS_ONLY = [...FEW.filter((name) => !name.includes('constant')), 'Redis peers'];

/** Each runs in its own way, and has columns of its own. */
const others = {
  herd: { title: '200 at once for one cold key, 50 ms', targets: [...REDIS_ONLY, 'peers', 'servers'] },
  stream: {
    title: 'A stream of 50 MB',
    targets: [...FEW.filter((name) => !name.includes('corked')), 'peers'],
  },
  keys: {
    title: 'Distinct keys, 1 KB each',
    targets: ['node floor', 'node rrc', 'express rrc, in process', ...ELSEWHERE.slice(0, 1)],
  },
  hung: { title: 'Redis hangs (SIGSTOP), 8 clients, 3 s', targets: REDIS_ONLY },
  processes: { title: 'Processes on one Redis, and on a Cluster of three masters', targets: ['express rrc'] },
  growth: { title: 'From a thousand keys to a million, 1 KB each', targets: ['express rrc'] },
  compress: { title: 'Compressed once: JSON of 50 KB', targets: [] },
  staleness: { title: 'Near, and purged elsewhere', targets: [] },
  tracking: { title: 'What client tracking costs Redis', targets: [] },
};

export const scenarios = Object.fromEntries(
  [...Object.entries(rates), ...Object.entries(others)].map(([id, scenario]) => [
    id,
    { floors: FLOORS, ...scenario, id, rate: id in rates },
  ]),
);

/**
 * What this package is to reach: so many times the CPU of another target; with `adds`, of what that adds to the
 * handler alone; with `figure`, one of those that the scenario gives, at most so many times the other's, or `limit`.
 */
export const goals = [
  { id: 'hit-1k', target: 'express rrc', of: 'express floor', limit: 1.1 },
  { id: 'hit-50k', target: 'express rrc', of: 'express floor', limit: 1.05 },
  { id: 'hit-50k-br', target: 'express rrc, compress', of: 'express floor, br', limit: 1.1 },
  { id: 'hit-1k', target: 'express rrc, front door', of: 'node floor, corked', limit: 1.1 },
  { id: 'hit-50k', target: 'express rrc, front door', of: 'node floor, corked', limit: 1.1 },
  { id: 'hit-1k', target: 'express rrc, near', of: 'express constant', limit: 1.1 },
  { id: 'hit-1k', target: 'express rrc, front door, near', of: 'node constant', limit: 1.15 },
  { id: 'miss-1k', target: 'express rrc', of: 'express floor', limit: 1.3, adds: 'express constant' },
  { id: 'miss-50k', target: 'express rrc', of: 'express floor', limit: 1.3, adds: 'express constant' },
  { id: 'herd', target: 'express rrc', figure: 'runs', limit: 1, text: 'runs of the handler' },
  {
    id: 'stream',
    target: 'express rrc',
    figure: 'firstByte',
    plus: { of: 'express constant', more: 20 },
    text: "first byte in ms: the constant's and 20",
  },
  {
    id: 'stream',
    target: 'express rrc',
    figure: 'grown',
    plus: { of: 'express constant', more: 16 },
    text: "memory over idle in MB: the constant's and 16",
  },
  { id: 'hung', target: 'express rrc', figure: 'unanswered', limit: 0, text: 'requests without an answer' },
  // The deadline is 100 ms; the sweep that keeps it comes behind the sockets of a busy process.
  { id: 'hung', target: 'express rrc', figure: 'slowest', limit: 250, text: 'slowest answer in ms' },
];
