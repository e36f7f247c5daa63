import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { uniquePrefix } from '../../support/prefix.ts';
import { Child } from '../../support/process.ts';
import { until } from '../../support/until.ts';

/* Processes on one Redis in front of a data source that changes all the time, under a steady load. */

/** Lengths of time in milliseconds. */
export interface Load {
  readonly processes: number;
  /** How long the handler takes. */
  readonly took: number;
  readonly ttl: number;
  readonly window: number;
  readonly earlyRefresh?: boolean;
  /** How often each process is asked. */
  readonly every: number;
  readonly lasting: number;
}

/** One answer after the first. */
interface Sample {
  readonly ms: number;
  /** How long ago the handler had read its data when the answer was there. */
  readonly old: number;
  readonly cacheStatus: string;
}

export interface Figures {
  readonly samples: readonly Sample[];
  /** Handler runs, the first included, of all processes. */
  readonly runs: number;
}

/** A process whose handler reads the data, which is the time, and then takes long to answer with it. */
const script = (prefix: string, { took, ttl, window, earlyRefresh = false }: Load): string => `
  const cache = redisCache({ redis: REDIS, prefix: '${prefix}', timeout: '5s', key: () => 'one',
    ttl: ${ttl}, staleWhileRevalidate: ${window}, earlyRefresh: ${earlyRefresh} });
  const server = require('node:http').createServer({ keepAliveTimeout: 0 }, (req, res) => cache(req, res, () => {
    const data = String(Date.now());
    console.log('run');
    setTimeout(() => res.end(data), ${took});
  }));
  // No connection is closed while a client takes it to be open.
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port));`;

export async function steady(load: Load): Promise<Figures> {
  const prefix = uniquePrefix();
  const redis = process.env.TEST_REDIS_URL as string;
  const children = Array.from({ length: load.processes }, () => new Child(script(prefix, load), redis));
  const agent = new Agent({ keepAlive: true });
  try {
    for (const child of children) await until(() => /port \d+\n/.test(child.out), 30_000);
    const ports = children.map(({ out }) => Number(/port (\d+)/.exec(out)?.[1]));
    const ask = (port: number): Promise<Sample> => sample(port, agent);
    // The first client has to wait.
    await Promise.all(ports.map(ask));
    const samples: Promise<Sample>[] = [];
    for (const startedAt = performance.now(); performance.now() - startedAt < load.lasting; ) {
      samples.push(...ports.map(ask));
      await sleep(load.every);
    }
    const answered = await Promise.all(samples);
    const runs = children.reduce((sum, { out }) => sum + out.split('run\n').length - 1, 0);
    return { samples: answered, runs };
  } finally {
    agent.destroy();
    for (const child of children) child.kill();
  }
}

function sample(port: number, agent: Agent): Promise<Sample> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    get({ port, agent, headers: { Host: 'test.example' } }, (res) => {
      let body = '';
      res.on('data', (text) => {
        body += text;
      });
      res.on('end', () => {
        const ms = performance.now() - startedAt;
        resolve({ ms, old: Date.now() - Number(body), cacheStatus: String(res.headers['cache-status']) });
      });
    }).on('error', reject);
  });
}
