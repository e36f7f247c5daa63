import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisProcess } from './redis.ts';

/** A slow network in front of a server: what it answers comes `delay` milliseconds late, or not at all. */
export interface SlowNetwork {
  readonly url: string;
  delay: number;
  /** While true, connections stay open and nothing passes, new ones neither; as when a host vanishes. */
  dark: boolean;
  /** How many answers are held back. */
  readonly held: number;
  /** Holds back what the server answers from now on. */
  hold(): void;
  /** Lets the answer pass that has been held back longest. */
  pass(): void;
  /** Lets all pass that is held back, and what comes later. */
  release(): void;
  /** Breaks all connections, as a host does that has come back and does not know them. */
  reset(): void;
  stop(): void;
}

export async function startProxy(redis: RedisProcess): Promise<SlowNetwork> {
  const sockets = new Set<Socket>();
  const held: (() => void)[] = [];
  let holding = false;
  const server = createServer((client) => {
    const upstream = connect(redis.port, redis.host);
    /** Connections that saw the dark stay dead. */
    let dead = false;
    let queue = Promise.resolve();
    const passes = (): boolean => {
      dead ||= proxy.dark;
      return !dead;
    };
    client.on('data', (bytes) => passes() && upstream.write(bytes));
    upstream.on('data', (bytes) => {
      const late = holding
        ? new Promise<void>((resolve) => held.push(resolve))
        : sleep(proxy.delay, undefined, { ref: false });
      queue = queue.then(() => late).then(() => void (passes() && client.writable && client.write(bytes)));
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  }).listen(0, redis.host);
  await once(server, 'listening');
  const proxy: SlowNetwork = {
    url: `redis://${redis.host}:${(server.address() as AddressInfo).port}`,
    delay: 0,
    dark: false,
    get held() {
      return held.length;
    },
    hold() {
      holding = true;
    },
    pass() {
      held.shift()?.();
    },
    release() {
      holding = false;
      for (const pass of held.splice(0)) pass();
    },
    reset() {
      for (const socket of sockets) socket.destroy();
    },
    stop() {
      server.close();
      proxy.reset();
    },
  };
  return proxy;
}
