import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CacheMiddleware, redisCache } from '../../../src/index.ts';
import { CLIENTS } from '../../support/clients.ts';
import { bodyOf } from './history.ts';
import {
  type Asked,
  type FromWorker,
  keyOf,
  type LaneOptions,
  type Told,
  type ToWorker,
} from './protocol.ts';

/* One process of the fleet. What its handlers answer and when, the test process says. */

interface Lane {
  readonly cache: CacheMiddleware;
  readonly keyed: CacheMiddleware;
}

let lanes: readonly Lane[] = [];
const begun = new Map<number, (told: Told) => void>();
const told = new WeakMap<ServerResponse, Told>();

process.on('message', (message: ToWorker) => {
  if (message.kind === 'open') void open(message.lanes);
  else if (message.kind === 'run') begun.get(message.call)?.(message.told);
  else void call(message);
});
process.on('disconnect', () => process.exit());

async function open(options: readonly LaneOptions[]): Promise<void> {
  lanes = await Promise.all(options.map(laneOf));
  const server = createServer({ keepAliveTimeout: 0 }, (req, res) => {
    const [, lane, , name] = (req.url as string).split('/');
    const { cache, keyed } = lanes[Number(lane)] as Lane;
    (name?.startsWith('key') ? keyed : cache)(req, res, () => void run(req, res));
  });
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1', () => tell({ kind: 'ready', port: (server.address() as AddressInfo).port }));
}

async function laneOf({ redis, client, ...options }: LaneOptions): Promise<Lane> {
  const users = client === undefined ? undefined : await CLIENTS[client]?.(redis);
  const cache = redisCache({
    // The number and the language of a request are for the record; where a page is made of the language, it says Vary.
    vary: { ignore: ['x-request', 'accept-language'] },
    ...options,
    redis: users?.option ?? redis,
    ttl: (_req, res) => told.get(res)?.ttl ?? '20s',
    tags: (_req, res) => tagsOf(res, 0),
  });
  return { cache, keyed: cache.with({ key: (req) => keyOf(req.url as string) }) };
}

/** Every other run's tags are those of the option, the rest are stated by the response. */
function tagsOf(res: ServerResponse, half: number): readonly string[] {
  const run = told.get(res)?.run;
  return run && run.id % 2 === half ? run.tags : [];
}

async function call(message: Extract<ToWorker, { kind: 'purge' | 'wrap' }>): Promise<void> {
  const { call } = message;
  const { cache } = lanes[message.lane] as Lane;
  try {
    const value =
      message.kind === 'wrap'
        ? await wrap(cache, message)
        : `${await cache.purge(message.target, { soft: message.soft })}`;
    tell({ kind: 'done', call, value });
  } catch (error) {
    tell({ kind: 'done', call, fault: String(error) });
  }
}

function wrap(cache: CacheMiddleware, { asked, tags }: Extract<ToWorker, { kind: 'wrap' }>): Promise<string> {
  return cache.wrap(
    keyOf(asked.path),
    async () => {
      const { run } = await begin(asked);
      await sleep(run.ms);
      if (run.kind === 'breaks') throw new Error('broken');
      return bodyOf(run);
    },
    { ttl: '20s', tags },
  );
}

function tell(message: FromWorker): void {
  if (process.connected) process.send?.(message);
}

let calls = 0;

/** Says that a run has begun, and hears what it is to do. */
function begin(asked: Asked): Promise<Told> {
  const call = calls++;
  tell({ kind: 'began', call, asked });
  return new Promise((resolve) => {
    begun.set(call, (message) => {
      begun.delete(call);
      resolve(message);
    });
  });
}

async function run(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const known = req.headers['if-none-match'];
  const message = await begin({
    path: req.url as string,
    method: req.method as string,
    request: Number(req.headers['x-request']),
    language: String(req.headers['accept-language']),
    ...(known !== undefined && { known }),
  });
  await answer(req, res, message);
}

async function answer(req: IncomingMessage, res: ServerResponse, message: Told): Promise<void> {
  const { run, varies, etag, stale } = message;
  told.set(res, message);
  const body = Buffer.from(bodyOf(run));
  res.setHeader('X-Run', run.id);
  if (varies) res.setHeader('Vary', 'Accept-Language');
  if (etag !== undefined) res.setHeader('ETag', etag);
  if (stale !== undefined) res.setHeader('Cache-Control', stale);
  const tags = tagsOf(res, 1);
  if (tags.length > 0) res.setHeader('Cache-Tag', tags.join(','));
  if (run.id % 2 === 0 && run.kind !== 'confirms') res.setHeader('Content-Length', body.length);
  switch (run.kind) {
    case 'private':
      res.setHeader('Cache-Control', 'private');
      break;
    case 'cookie':
      res.setHeader('Set-Cookie', `run=${run.id}`);
      break;
    case 'error':
      res.statusCode = 500;
      break;
    case 'confirms':
      res.statusCode = 304;
      break;
    default:
  }
  // What a GET would be answered with.
  if (run.method === 'POST' && run.kind === 'stores') {
    res.setHeader('Content-Location', req.url as string);
    res.setHeader('Cache-Control', 'max-age=60');
  }
  await sleep(run.ms / 2);
  if (run.kind === 'confirms') {
    res.end();
    return;
  }
  res.write(body.subarray(0, body.length / 2));
  await sleep(run.ms / 2);
  if (run.kind === 'breaks') res.destroy();
  else res.end(body.subarray(body.length / 2));
}
