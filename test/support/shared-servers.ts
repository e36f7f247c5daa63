import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startCluster, startShardedCluster } from './cluster.ts';

/** Servers of the whole run that few suites need: started for the first that asks, for whoever asks in whatever worker. */
export class SharedServers {
  readonly #clusters = new Map<string, Promise<{ nodes: string[]; stop(): Promise<void> }>>();
  readonly #server: Server = createServer((req, res) => {
    const masters = /^\/cluster\/(\d)$/.exec(req.url ?? '')?.[1] ?? '1';
    const cluster = this.#clusters.get(masters) ?? start(Number(masters));
    this.#clusters.set(masters, cluster);
    cluster.then(
      ({ nodes }) => res.end(JSON.stringify(nodes)),
      (error) => res.writeHead(500).end(String(error.stack)),
    );
  });

  /** The URL for `TEST_SERVERS_URL`. */
  async listen(): Promise<string> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    const started = await Promise.allSettled(this.#clusters.values());
    await Promise.all(started.map((one) => one.status === 'fulfilled' && one.value.stop()));
  }
}

async function start(masters: number): Promise<{ nodes: string[]; stop(): Promise<void> }> {
  if (masters > 1) return startShardedCluster({ masters, replicas: 0 });
  const redis = await startCluster();
  return { nodes: [redis.url], stop: () => redis.stop() };
}
