import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type CacheMiddleware, redisCache } from '../../../src/index.ts';
import { bodyOf } from './history.ts';
import { type FromWorker, keyOf, type LaneOptions, type Told, type ToWorker } from './protocol.ts';

/* One process of the fleet. What its handlers answer and when, the test process says. */

interface Lane {
  readonly cache: CacheMiddleware;
  readonly keyed: CacheMiddleware;
}

let lanes: readonly Lane[] = [];
const begun = new Map<number, (told: Told) => void>();
const told = new WeakMap<ServerResponse, Told>();

process.on('message', (message: ToWorker) => {
  if (message.kind === 'open') open(message.lanes);
  else if (message.kind === 'run') begun.get(message.call)?.(message.told);
  else void purge(message);
});
process.on('disconnect', () => process.exit());

function open(options: readonly LaneOptions[]): void {
  lanes = options.map(laneOf);
  const server = createServer((req, res) => {
    const [, lane, , name] = (req.url as string).split('/');
    const { cache, keyed } = lanes[Number(lane)] as Lane;
    (name?.startsWith('keyed') ? keyed : cache)(req, res, () => run(req, res));
  });
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1', () => tell({ kind: 'ready', port: (server.address() as AddressInfo).port }));
}

function laneOf({ redis, own, ...options }: LaneOptions): Lane {
  const client = own ? new Redis(redis, { disconnectTimeout: 100 }) : redis;
  if (typeof client !== 'string') client.on('error', () => {});
  const cache = redisCache({ ...options, redis: client, ttl: (_req, res) => told.get(res)?.ttl ?? '20s' });
  return { cache, keyed: cache.with({ key: (req) => keyOf(req.url as string) }) };
}

async function purge({ call, lane, target }: Extract<ToWorker, { kind: 'purge' }>): Promise<void> {
  try {
    await lanes[lane]?.cache.purge(target);
    tell({ kind: 'purged', call });
  } catch (error) {
    tell({ kind: 'purged', call, fault: String(error) });
  }
}

function tell(message: FromWorker): void {
  if (process.connected) process.send?.(message);
}

let calls = 0;

function run(req: IncomingMessage, res: ServerResponse): void {
  const call = calls++;
  begun.set(call, (message) => {
    begun.delete(call);
    void answer(req, res, message);
  });
  const known = req.headers['if-none-match'];
  tell({
    kind: 'began',
    call,
    asked: {
      path: req.url as string,
      method: req.method as string,
      request: Number(req.headers['x-request']),
      language: String(req.headers['accept-language']),
      ...(known !== undefined && { known }),
    },
  });
}

async function answer(req: IncomingMessage, res: ServerResponse, message: Told): Promise<void> {
  const { run, varies, etag } = message;
  told.set(res, message);
  const body = Buffer.from(bodyOf(run));
  res.setHeader('X-Run', run.id);
  if (varies) res.setHeader('Vary', 'Accept-Language');
  if (etag !== undefined) res.setHeader('ETag', etag);
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
