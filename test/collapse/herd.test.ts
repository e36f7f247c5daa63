import { Agent, get } from 'node:http';
import { afterEach, expect, test } from '@jest/globals';
import { uniquePrefix } from '../support/prefix.ts';
import { Child } from '../support/process.ts';
import { until } from '../support/until.ts';

const PROCESSES = 4;
const REQUESTS = 200;

const children: Child[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill();
});

/** A process of its own whose handler takes a second, and that prints its port, then a line for every run. */
async function start(prefix: string): Promise<{ child: Child; port: number }> {
  const child = new Child(
    `const cache = redisCache({ redis: REDIS, prefix: ${JSON.stringify(prefix)}, timeout: '10s', key: () => 'one' });
    const server = require('node:http').createServer({ keepAliveTimeout: 0 }, (req, res) => cache(req, res, () => {
      console.log('run');
      setTimeout(() => res.end('made by ' + process.pid), 1000);
    }));
    server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port));`,
    process.env.TEST_REDIS_URL as string,
  );
  children.push(child);
  await until(() => /port \d+\n/.test(child.out), 30_000);
  return { child, port: Number(/port (\d+)/.exec(child.out)?.[1]) };
}

function ask(port: number, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ port, agent }, (res) => {
      let body = '';
      res.on('data', (text) => {
        body += text;
      });
      res.on('end', () => resolve(body));
    }).on('error', reject);
  });
}

test('200 requests at once at each of four processes run the handler once', async () => {
  const prefix = uniquePrefix();
  const fleet = await Promise.all(Array.from({ length: PROCESSES }, () => start(prefix)));
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  const asked = fleet.flatMap(({ port }) => Array.from({ length: REQUESTS }, () => ask(port, agent)));
  const bodies = await Promise.all(asked);
  agent.destroy();
  expect(bodies).toHaveLength(PROCESSES * REQUESTS);
  expect(new Set(bodies).size).toBe(1);
  expect(children.map(({ out }) => out.split('run\n').length - 1).reduce((sum, runs) => sum + runs)).toBe(1);
}, 60_000);
