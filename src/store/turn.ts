import type { RedisClient } from '../redis-client.ts';

/** The socket of a client, as far as it matters here. */
interface Corkable {
  readonly cork?: () => void;
  readonly uncork: () => void;
}

/** A test that stops the clock must not stop Redis. */
const afterThisTurn = setImmediate;

/**
 * Has all commands of one turn of the event loop leave in one write. A write is a system call, which costs more than
 * all that is decided about a hit, and what Redis is sent in one piece it answers in one. Without other requests in
 * the same turn nothing is saved, and nothing lost.
 */
export class Turn {
  readonly #client: { readonly status: string; readonly stream?: Corkable };
  #corked: Corkable | undefined;

  /** @param client a Cluster has a socket for each node, and is left as it is. */
  constructor(client: RedisClient) {
    this.#client = client;
  }

  /** To be called before a command is given to the client. */
  gather(): void {
    const { status, stream } = this.#client;
    if (this.#corked || status !== 'ready' || !stream?.cork) return;
    this.#corked = stream;
    stream.cork();
    afterThisTurn(() => {
      this.#corked = undefined;
      stream.uncork();
    });
  }
}
