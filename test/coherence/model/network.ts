import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** The network between one cache and Redis: it can be slow, stand still for a time, or break. Nothing is lost but what breaks. */
export class Link {
  /** How many milliseconds what comes now is late. */
  lag: () => number = () => 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #held: Promise<unknown> = Promise.resolve();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(host: string, port: number): Promise<Link> {
    const server = createServer({ noDelay: true });
    const link = new Link(server);
    server.on('connection', (client) => link.#join(client, connect({ host, port, noDelay: true })));
    server.listen(0, host);
    await once(server, 'listening');
    return link;
  }

  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `redis://${address}:${port}`;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  hold(ms: number): void {
    this.#held = Promise.all([this.#held, sleep(ms, undefined, { ref: false })]);
  }

  close(): void {
    this.#server.close();
    this.cut();
  }

  #join(client: Socket, upstream: Socket): void {
    this.#pass(client, upstream);
    this.#pass(upstream, client);
  }

  #pass(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    let passed: Promise<unknown> = Promise.resolve();
    from.on('data', (bytes) => {
      const due = sleep(this.lag(), undefined, { ref: false });
      passed = Promise.all([passed, due, this.#held]).then(() => to.writable && to.write(bytes));
    });
    from.on('error', () => {});
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
