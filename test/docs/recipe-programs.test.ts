import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createTRPCClient, httpBatchLink } from '@trpc/client';
import type { AnyTRPCRouter } from '@trpc/server';
import { parse } from 'yaml';
import { type Answer, type Asked, ask, Connection } from '../support/client.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { filesOf, Recipes, type Running } from './support/recipes.ts';
import { PAGES } from './support/snippets.ts';

/* The programs and files of docs/recipes/ and docs/migrating/ as they stand. */

const HOST = 'www.example.com';
/** Those of docs/migrating/ that show files; the others are run by programs.test.ts. */
const migrating = PAGES.filter((page) => /^docs.migrating./.test(page) && filesOf(page).length > 0);
const pages = PAGES.filter((page) => /^docs.recipes.(?!README)/.test(page));

const recipes = new Recipes();
const running: Running[] = [];
let redis: RedisProcess;

beforeAll(async () => {
  redis = await startRedis();
});
beforeEach(() => redis.call('FLUSHALL'));
afterEach(async () => {
  for (const program of running.splice(0)) await recipes.stop(program);
});
afterAll(async () => {
  await recipes.close();
  await redis.stop();
});

async function start(page: string, file: string, env: NodeJS.ProcessEnv = {}): Promise<Running> {
  const program = await recipes.start(page, file, { REDIS_URL: redis.url, ...env });
  running.push(program);
  return program;
}

function get({ url }: Running, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return ask(Number(url.port), { path, headers: { Host: HOST, ...headers } });
}

/** A file of a page. */
function text(page: string, name: string): string {
  return filesOf(page).find((file) => file.name === name)!.text;
}

/** The fill has its lease. */
async function handlerRuns(): Promise<boolean> {
  return ((await redis.call('DBSIZE')) as number) > 0;
}

async function exitOf(child: ChildProcess): Promise<unknown> {
  return child.exitCode ?? child.signalCode ?? (await once(child, 'exit'))[0];
}

describe('what stands below a program', () => {
  const programs = [...pages, ...migrating].flatMap(filesOf).filter(({ requests }) => requests.length > 0);

  /** `GET /me  Cookie: a=b  {"a":1}    hit    body`: the request, its fields and its body, then `Cache-Status`, then the body of the answer. */
  function parsed(line: string): { asked: Asked; cacheStatus: string; body: string | undefined } {
    const [target = '', ...columns] = line.split(/ {2,}/);
    const [method = '', path = ''] = target.split(' ');
    const headers: Record<string, string> = { Host: HOST };
    while (/^[\w-]+: /.test(columns[0] ?? '')) {
      const [, name = '', value = ''] = /^([\w-]+): (.*)$/.exec(columns.shift()!)!;
      headers[name] = value;
    }
    const sent = method === 'GET' || !/^["{]/.test(columns[0] ?? '') ? undefined : columns.shift();
    if (sent !== undefined) headers['Content-Type'] = 'application/json';
    const cacheStatus = /^(?:\w+; )?(?:hit|fwd=|detail=)/.test(columns[0] ?? '') ? columns.shift()! : '';
    const [body] = columns;
    return { asked: { method, path, headers, ...(sent !== undefined && { body: sent }) }, cacheStatus, body };
  }

  test.each(programs)('$page: requests to $name get what it says', async ({ page, name, requests }) => {
    recipes.write(page, 'public/hello.txt', 'hello, world');
    const program = await start(page, name);
    const got: object[] = [];
    for (const line of requests) {
      const { asked, body } = parsed(line);
      const answer = await ask(Number(program.url.port), asked);
      const cacheStatus = answer.cacheStatus.replace(/; ttl=-?\d+/, '');
      got.push({ line, cacheStatus, body: body && answer.body });
      await program.idle();
    }
    const expected = requests.map((line) => {
      const { cacheStatus, body } = parsed(line);
      return { line, cacheStatus, body };
    });
    expect(got).toEqual(expected);
    expect(program.errors()).toBe('');
  });
});

test('every recipe has a file that is run or parsed here', () => {
  expect(pages.length).toBeGreaterThan(0);
  expect(pages.filter((page) => filesOf(page).length === 0)).toEqual([]);
});

describe('docs/recipes/kubernetes.md', () => {
  const page = 'docs/recipes/kubernetes.md';

  test('a request in progress at SIGTERM is answered and stored, and the process ends', async () => {
    const program = await start(page, 'server.mjs');
    const connection = new Connection(Number(program.url.port));
    connection.send({ path: '/cities', headers: { Host: HOST } });
    await until(handlerRuns);
    program.child.kill('SIGTERM');
    expect((await connection.answer()).body).toBe('["Berlin","Paris"]');
    expect(await exitOf(program.child)).toBe(0);
    connection.close();
    const next = await start(page, 'server.mjs');
    expect((await get(next, '/cities')).cacheStatus).toMatch(/^hit/);
  });

  test('the probes succeed, and the app answers, without Redis', async () => {
    const program = await start(page, 'server.mjs', { REDIS_URL: 'redis://127.0.0.1:1' });
    const { template } = parse(text(page, 'deployment.yaml')).spec;
    const [container] = template.spec.containers;
    for (const { httpGet } of [container.livenessProbe, container.readinessProbe]) {
      const answer = await get(program, httpGet.path);
      expect([answer.status, answer.cacheStatus]).toEqual([200, '']);
    }
    expect((await get(program, '/cities')).body).toBe('["Berlin","Paris"]');
  });

  test('the deployment sets each variable that the program reads, and runs that program on its port', () => {
    const program = text(page, 'server.mjs');
    const { template, selector } = parse(text(page, 'deployment.yaml')).spec;
    const [container] = template.spec.containers;
    const read = [...program.matchAll(/process\.env\.(\w+)/g)].map(([, name]) => name);
    expect(container.env.map(({ name }: { name: string }) => name)).toEqual(read);
    expect(container.command).toEqual(['node', 'server.mjs']);
    expect(program).toMatch(`listen(${container.ports[0].containerPort})`);
    expect(template.metadata.labels).toEqual(selector.matchLabels);
  });

  test('the prefix of the deployment is one that the cache takes, and its keys begin with it', async () => {
    const [container] = parse(text(page, 'deployment.yaml')).spec.template.spec.containers;
    const { value } = container.env.find(({ name }: { name: string }) => name === 'CACHE_PREFIX');
    const program = await start(page, 'server.mjs', { CACHE_PREFIX: value });
    await get(program, '/cities');
    await program.idle();
    const keys = (await redis.call('KEYS', '*')) as string[];
    expect(keys.length).toBeGreaterThan(0);
    expect(keys.filter((key) => !key.startsWith(value))).toEqual([]);
  });
});

describe('docs/recipes/pm2-and-cluster.md', () => {
  const page = 'docs/recipes/pm2-and-cluster.md';

  /** The processes that made what two workers answer, 20 requests at a time until both have answered. */
  async function makers(env: NodeJS.ProcessEnv): Promise<number> {
    const program = await start(page, 'cluster.mjs', { WORKERS: '2', ...env });
    const workers = new Set<string>();
    const made = new Set<number>();
    await until(async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => get(program, '/cities')));
      for (const answer of answers) {
        // Redis was not connected yet, or a busy machine took longer than `timeout`.
        if (answer.cacheStatus.startsWith('fwd=bypass')) continue;
        workers.add(answer.header('x-worker')!);
        made.add(JSON.parse(answer.body).madeBy);
      }
      return workers.size === 2;
    }, 30_000);
    return made.size;
  }

  test('two workers with one Redis make a cold response once', async () => {
    expect(await makers({})).toBe(1);
  });

  test('two workers without Redis make it once each', async () => {
    expect(await makers({ REDIS_URL: undefined })).toBe(2);
  });

  test('a worker ends on SIGINT, as PM2 stops it, when it has answered', async () => {
    const program = await start(page, 'server.mjs');
    const answered = get(program, '/cities');
    await until(handlerRuns);
    program.child.kill('SIGINT');
    expect((await answered).status).toBe(200);
    expect(await exitOf(program.child)).toBe(0);
  });

  test("the ecosystem file names the program, and gives it longer than PM2's 1600 ms", () => {
    const folder = recipes.folder(page);
    const { apps } = createRequire(__filename)(join(folder, 'ecosystem.config.cjs'));
    expect(apps).toHaveLength(1);
    expect(apps[0]).toMatchObject({ script: 'server.mjs', exec_mode: 'cluster', wait_ready: true });
    expect(apps[0].kill_timeout).toBeGreaterThan(1600);
    expect(text(page, 'server.mjs')).toMatch("process.send?.('ready')");
  });
});

describe('docs/recipes/hosted-redis.md', () => {
  const page = 'docs/recipes/hosted-redis.md';
  let hosted: RedisProcess;

  beforeAll(async () => {
    hosted = await startRedis({ tls: true, password: 'secret/+=' });
    recipes.write(page, 'ca.pem', hosted.ca!);
  });
  afterAll(() => hosted.stop());

  test.each([
    ['server.mjs', { NODE_EXTRA_CA_CERTS: 'ca.pem' }],
    ['own-ca.mjs', { REDIS_CA: 'ca.pem' }],
  ])('%s caches over TLS, with a CA of its own and a percent-encoded password', async (file, env) => {
    const url = hosted.url.replace('://', `://default:${encodeURIComponent('secret/+=')}@`);
    const program = await start(page, file, { REDIS_URL: url, ...env });
    // Until it is connected, the app answers.
    await until(async () => /^hit/.test((await get(program, '/cities')).cacheStatus));
    expect(((await hosted.call('DBSIZE')) as number) > 0).toBe(true);
    expect(program.errors()).toBe('');
  });

  test('without the CA, server.mjs answers and reports a fault', async () => {
    const url = hosted.url.replace('://', `://default:${encodeURIComponent('secret/+=')}@`);
    const program = await start(page, 'server.mjs', { REDIS_URL: url });
    expect((await get(program, '/cities')).body).toBe('["Berlin","Paris"]');
    await until(() => program.errors() !== '');
  });
});

describe('docs/recipes/trpc.md', () => {
  const page = 'docs/recipes/trpc.md';

  test("tRPC's own client: its batches are hits, and its mutation purges", async () => {
    const program = await start(page, 'server.mjs');
    const seen: string[] = [];
    const fetched = async (input: string | URL | Request, init?: unknown): Promise<Response> => {
      const response = await fetch(input, init as RequestInit);
      seen.push(response.headers.get('cache-status')!.replace(/^[^;]+; |; ttl=\d+/g, ''));
      return response;
    };
    const client = createTRPCClient<AnyTRPCRouter>({
      links: [httpBatchLink({ url: `${program.url.origin}/trpc`, fetch: fetched })],
    }) as unknown as Record<
      string,
      { query(input?: string): Promise<unknown>; mutate(input: string): Promise<unknown> }
    >;
    const both = (): Promise<unknown> =>
      Promise.all([client.cities!.query(), client.country!.query('Paris')]);
    const first = await both();
    await program.idle();
    expect(await both()).toEqual(first);
    expect(await client.addCity!.mutate('Rome')).toBe(3);
    expect(await both()).toEqual([['Berlin', 'Paris', 'Rome'], 'the country of Paris']);
    expect(seen).toEqual(['fwd=uri-miss', 'hit', 'fwd=method', 'fwd=uri-miss']);
  });
});

describe('docs/recipes/aws-lambda.md', () => {
  const page = 'docs/recipes/aws-lambda.md';

  /** What one execution environment answers to these paths, one after the other. It is gone then, without a word. */
  async function environment(
    paths: string[],
    { url = redis.url, headers = {} }: { url?: string; headers?: Record<string, string> } = {},
  ): Promise<{ body: string; status: string; code: number }[]> {
    recipes.write(
      page,
      'environment.mjs',
      `
import { writeSync } from 'node:fs';
import { handler } from './lambda.mjs';
const answers = [];
for (const path of ${JSON.stringify(paths)}) {
  const { statusCode, body, headers } = await handler({
    version: '2.0',
    rawPath: path,
    rawQueryString: '',
    headers: ${JSON.stringify({ host: HOST, ...headers })},
    requestContext: { http: { method: 'GET', path } },
  }, {});
  answers.push({ body, status: headers['cache-status'], code: statusCode });
}
// Frozen at once, and never thawed.
writeSync(1, JSON.stringify(answers));
process.kill(process.pid, 'SIGKILL');
`,
    );
    const options = { cwd: recipes.folder(page), env: { ...process.env, REDIS_URL: url } };
    const { stdout } = await promisify(execFile)(process.execPath, ['environment.mjs'], options).catch(
      (killed) => killed,
    );
    return JSON.parse(stdout);
  }

  test('what one environment has stored when its handler returns, another answers from at once', async () => {
    const [miss] = await environment(['/cities']);
    expect(miss).toMatchObject({ code: 200, status: expect.stringContaining('; fwd=uri-miss') });
    const hits = await environment(['/cities', '/cities']);
    expect(hits.map(({ body }) => body)).toEqual([miss!.body, miss!.body]);
    for (const { status } of hits) expect(status).toMatch(/; hit; ttl=/);
  });

  test('a request with credentials gets its own response, and none is stored for others', async () => {
    const answers = await environment(['/cities', '/cities'], { headers: { cookie: 'sid=ada' } });
    expect(answers.map(({ status }) => status)).toEqual(
      Array(2).fill('redis-response-cache; fwd=uri-miss; detail=credentials'),
    );
  });

  test('without Redis, the app answers', async () => {
    const [answer] = await environment(['/cities'], { url: 'redis://127.0.0.1:1' });
    expect(answer).toMatchObject({ code: 200, status: expect.stringContaining('fwd=bypass') });
  });
});

describe('docs/recipes/docker-compose.md', () => {
  const page = 'docs/recipes/docker-compose.md';
  const { app, redis: service } = parse(text(page, 'compose.yaml')).services;

  test('its redis-server takes the arguments, and has a limit and a policy that suits a cache', async () => {
    const [command, ...args] = service.command;
    expect(command).toBe('redis-server');
    const own = await startRedis({ args });
    const config = async (name: string): Promise<unknown> =>
      ((await own.call('CONFIG', 'GET', name)) as string[])[1];
    expect(await config('maxmemory')).toBe(String(256 * 1024 * 1024));
    expect(await config('maxmemory-policy')).toBe('volatile-ttl');
    expect([await config('save'), await config('appendonly')]).toEqual(['', 'no']);
    await own.stop();
  });

  test('its app is told of the redis service, and ends on the signal that the image passes on', async () => {
    expect(new URL(app.environment.REDIS_URL).hostname).toBe('redis');
    expect(app.depends_on).toEqual(['redis']);
    const dockerfile = text(page, 'Dockerfile');
    // A shell in between would keep the signal to itself.
    expect(JSON.parse(/^CMD (.*)$/m.exec(dockerfile)![1]!)).toEqual(['node', 'server.mjs']);
    const program = await start(page, 'server.mjs');
    program.child.kill('SIGTERM');
    expect(await exitOf(program.child)).toBe(0);
  });
});
