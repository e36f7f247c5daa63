import type { RedisClient } from '../../options/redis.ts';

/** The socket of a client, as far as it matters here. */
interface Corkable {
  readonly cork?: () => void;
  readonly uncork: () => void;
}

/** A test that stops the clock must not stop Redis. */
const afterThisTurn = setImmediate;

/** What is used of a client, or of a Cluster's client of one node. */
interface Connected {
  readonly status: string;
  readonly stream?: Corkable;
}

/**
 * Has all commands of one turn of the event loop leave in one write. A write is a system call, which costs more than
 * all that is decided about a hit, and what Redis is sent in one piece it answers in one. Without other requests in
 * the same turn nothing is saved, and nothing lost.
 */
export class Turn {
  readonly #connections: () => readonly Connected[];
  #corked: Corkable[] | undefined;

  constructor(client: RedisClient) {
    const one = [client as unknown as Connected];
    const cluster = client as unknown as { nodes(role: 'master'): readonly Connected[] };
    this.#connections = client.isCluster ? () => cluster.nodes('master') : () => one;
  }

  /** To be called before a command is given to the client. */
  gather(): void {
    if (this.#corked) return;
    const corked: Corkable[] = [];
    for (const { status, stream } of this.#connections()) {
      if (status !== 'ready' || !stream?.cork) continue;
      stream.cork();
      corked.push(stream);
    }
    if (corked.length === 0) return;
    this.#corked = corked;
    afterThisTurn(() => {
      this.#corked = undefined;
      for (const stream of corked) stream.uncork();
    });
  }
}
