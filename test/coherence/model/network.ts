import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** The network between one cache and Redis: it can be slow, stand still for a time, or break. Nothing is lost but what breaks. */
export class Link {
  /** How many milliseconds what comes now is late. */
  lag: (() => number) | undefined;
  /** Every how many milliseconds answers are delivered, all at once. */
  beat: number | undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #held: Promise<unknown> | undefined;

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
    const held = Promise.all([this.#held, sleep(ms, undefined, { ref: false })]).then(() => {
      if (this.#held === held) this.#held = undefined;
    });
    this.#held = held;
  }

  close(): void {
    this.#server.close();
    this.cut();
  }

  #join(client: Socket, upstream: Socket): void {
    this.#pass(client, upstream, () => this.lag?.());
    this.#pass(upstream, client, () =>
      this.beat ? this.beat - (performance.now() % this.beat) : this.lag?.(),
    );
  }

  #pass(from: Socket, to: Socket, lag: () => number | undefined): void {
    this.#sockets.add(from);
    /** How many chunks are on their way. */
    let passing = 0;
    let passed: Promise<unknown> = Promise.resolve();
    const pass = (bytes: Buffer): void => {
      if (!to.writable) return;
      to.cork();
      to.write(bytes);
      // What is due at the same time arrives at the same time.
      setImmediate(() => to.uncork());
    };
    from.on('data', (bytes) => {
      const ms = lag();
      if (passing === 0 && ms === undefined && !this.#held) return void to.write(bytes);
      passing++;
      const due = ms && sleep(ms, undefined, { ref: false });
      passed = Promise.all([passed, due, this.#held]).then(() => {
        passing--;
        pass(bytes);
      });
    });
    from.on('error', () => {});
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
