// What is asked of the targets, and what their answers must be.

import { CONSTANTS, FLOORS } from './targets.mjs';

const get = (path, headers) => ({ path, headers });

const OURS = ['node rrc', 'express rrc'];
const ELSEWHERE = ['node other', 'express other'];
const BARE = ['node constant', 'node floor', 'node floor, corked', 'express constant', 'express floor'];
const FEW = [...BARE, ...OURS, ...ELSEWHERE];
const ALL = [...FEW, 'express rrc, in process', 'peers'];

/** Each runs in interleaved rounds: every target's figures are set against its floor's of the same round. */
const rates = {
  'hit-1k': { title: 'Hit, 1 KB', requests: [get('/1k')], check: 'same', targets: ALL, quick: true },
  'hit-50k': { title: 'Hit, 50 KB', requests: [get('/50k')], check: 'same', targets: ALL, quick: true },
  'hit-500k': { title: 'Hit, 500 KB', requests: [get('/500k')], check: 'same', targets: ALL },
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
    targets: ALL,
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
  herd: { title: '200 at once for one cold key, 50 ms', targets: [...REDIS_ONLY, 'peers'] },
  stream: {
    title: 'A stream of 50 MB',
    targets: [...FEW.filter((name) => !name.includes('corked')), 'peers'],
  },
  keys: { title: 'Distinct keys, 1 KB each', targets: [...REDIS_ONLY, 'express rrc, in process'] },
  hung: { title: 'Redis hangs (SIGSTOP), 8 clients, 3 s', targets: REDIS_ONLY },
};

export const scenarios = Object.fromEntries(
  [...Object.entries(rates), ...Object.entries(others)].map(([id, scenario]) => [
    id,
    { floors: FLOORS, ...scenario, id, rate: id in rates },
  ]),
);

/** What this package is to reach. `adds`: of what is more than the handler alone. */
export const goals = [
  { id: 'hit-1k', target: 'express rrc', limit: 1.1, text: 'A hit of 1 KB takes at most 1.10 x the floor' },
  {
    id: 'hit-50k',
    target: 'express rrc',
    limit: 1.05,
    text: 'A hit of 50 KB takes at most 1.05 x the floor',
  },
  {
    id: 'miss-1k',
    target: 'express rrc',
    limit: 1.3,
    adds: true,
    text: 'A miss of 1 KB adds at most 1.3 x what the floor adds',
  },
  {
    id: 'miss-50k',
    target: 'express rrc',
    limit: 1.3,
    adds: true,
    text: 'A miss of 50 KB adds at most 1.3 x what the floor adds',
  },
];
