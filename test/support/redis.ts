import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { findRedisServer } from './redis-binary.cjs';
import { type Certificates, certificates } from './tls.ts';

/*
 * Servers for the tests of faults. They are started here and not through redis-memory-server (which
 * runs the shared server, see global-setup.ts), because that one always listens without TLS, takes
 * another port when its own is not free yet, and stops a stopped process only after ten seconds.
 */

export interface RedisOptions {
  /** Default: a free one. */
  port?: number;
  /** Further arguments, as on the command line: `['--maxmemory', '2mb']`. */
  args?: string[];
  /** Serve TLS and nothing else, with a certificate of a CA made for this server (`RedisProcess.ca`). */
  tls?: boolean;
  /** Of the default user. `url` does not tell it. */
  password?: string;
}

const HOST = '127.0.0.1';
const START_TIMEOUT = 10_000;

/** Starts an empty redis-server that keeps nothing on disk and ends with this process, however that ends. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisProcess> {
  const binary = findRedisServer();
  if (!binary) throw new Error('No redis-server: run this through jest, whose global setup finds one');
  const tls = options.tls ? await certificates(HOST) : undefined;
  const redis = new RedisProcess(binary, options.port ?? (await freePort()), options, tls);
  await redis.start();
  return redis;
}

export class RedisProcess {
  readonly host: string = HOST;
  readonly port: number;
  readonly url: string;
  /** PEM; to be trusted by a client of a server with `tls`. */
  readonly ca: string | undefined;
  readonly #binary: string;
  readonly #args: string[];
  readonly #password: string | undefined;
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'rrc-redis-'));
  #child: ChildProcess | undefined;
  #kept: Redis | undefined;
  #connected: Promise<void> | undefined;

  constructor(binary: string, port: number, options: RedisOptions, tls: Certificates | undefined) {
    this.port = port;
    this.url = `${tls ? 'rediss' : 'redis'}://${HOST}:${port}`;
    this.ca = tls?.ca;
    this.#binary = binary;
    this.#password = options.password;
    this.#args = [
      ...['--bind', HOST, '--save', '', '--appendonly', 'no', '--dir', this.#folder],
      ...(tls ? this.#tlsArgs(tls) : ['--port', `${port}`]),
      ...(options.password ? ['--requirepass', options.password] : []),
      ...(options.args ?? []),
    ];
  }

  /** Of the running process; another one after `restart()`. */
  get pid(): number {
    if (!this.#child?.pid || hasEnded(this.#child)) throw new Error('This redis-server is not running');
    return this.#child.pid;
  }

  /** Starts it again after `kill()`; resolves when it answers. */
  async start(): Promise<void> {
    const log = openSync(this.#logFile, 'w');
    const child = spawn(this.#binary, this.#args, { stdio: ['ignore', log, log] });
    this.#child = child;
    // A test that forgets stop() shall not keep jest from ending.
    child.unref();
    await once(child, 'spawn');
    guard(child, this.#folder);
    await this.#answers(child);
  }

  /** Ends it at once and waits until it is gone: connections break, nothing listens, all data is lost. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    this.#kept?.disconnect();
    this.#kept = undefined;
    if (!child || hasEnded(child)) return;
    const gone = once(child, 'exit');
    child.ref();
    child.kill(signal);
    await gone;
  }

  /** Hangs it: connections stay open, new ones are accepted by the kernel, nothing is answered. */
  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** Kills it if it runs, and starts it empty on the same port with the same arguments. */
  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** Ends it in whatever state it is, and removes its files. Never rejects. */
  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** The reply to one command, over a connection of its own. */
  async cli(command: string, ...args: (string | number)[]): Promise<unknown> {
    const client = this.#client();
    try {
      await client.connect();
      return await client.call(command, ...args);
    } finally {
      const ended = client.status === 'end' || once(client, 'end');
      client.disconnect();
      await ended;
    }
  }

  /** As `cli`, over one connection that is kept: for what asks often. */
  async call(command: string, ...args: (string | number)[]): Promise<unknown> {
    if (!this.#kept || this.#kept.status === 'end') {
      this.#kept = this.#client();
      this.#connected = this.#kept.connect();
    }
    const client = this.#kept;
    await this.#connected;
    return client.call(command, ...args);
  }

  #client(): Redis {
    const client = new Redis({
      host: HOST,
      port: this.port,
      lazyConnect: true,
      enableReadyCheck: false,
      connectTimeout: 1000,
      commandTimeout: 5000,
      disconnectTimeout: 100,
      retryStrategy: () => null,
      ...(this.ca && { tls: { ca: this.ca } }),
      ...(this.#password && { password: this.#password }),
    });
    client.on('error', () => {});
    return client;
  }

  get #logFile(): string {
    return join(this.#folder, 'redis.log');
  }

  async #answers(child: ChildProcess): Promise<void> {
    for (const start = Date.now(); Date.now() - start < START_TIMEOUT; await sleep(20)) {
      if (hasEnded(child)) break;
      const reply = await this.cli('PING').catch(String);
      // NOAUTH, NOPERM and the like are answers, too.
      if (!/ECONN|closed|timeout/i.test(`${reply}`)) return;
    }
    const log = readFileSync(this.#logFile, 'utf8');
    await this.stop();
    throw new Error(`redis-server ${this.#args.join(' ')} did not start:\n${log}`);
  }

  #tlsArgs({ ca, cert, key }: Certificates): string[] {
    const file = (name: string, text: string): string => {
      const path = join(this.#folder, name);
      writeFileSync(path, text, { mode: 0o600 });
      return path;
    };
    return [
      ...['--port', '0', '--tls-port', `${this.port}`, '--tls-auth-clients', 'no'],
      ...['--tls-ca-cert-file', file('ca.crt', ca)],
      ...['--tls-cert-file', file('redis.crt', cert), '--tls-key-file', file('redis.key', key)],
    ];
  }
}

/**
 * A shell that waits for its input to end, which it does when this process ends in any way, even by
 * SIGKILL; then it takes the server along. In a session of its own, for Ctrl-C not to reach it first.
 */
function guard(child: ChildProcess, folder: string): void {
  const script = 'read -r _; kill -9 "$0"; rm -rf "$1"';
  const watcher = spawn('sh', ['-c', script, `${child.pid}`, folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watcher.unref();
  (watcher.stdin as Socket).unref();
  // The pid is free for others from now on.
  child.once('exit', () => watcher.kill('SIGKILL'));
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/**
 * Below the range that the kernel takes the ports of outgoing connections from: while the server is
 * down, a client that tries to reconnect must not get the server's own port, nor keep it from coming back. A Cluster's
 * own port is 10,000 above.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 22_000);
    const server = createServer().listen(port, HOST);
    const isFree = await once(server, 'listening').then(Boolean, () => false);
    server.close();
    if (isFree) return port;
  }
}
