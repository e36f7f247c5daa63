import type { RedisClient } from '../../options/redis.ts';

/** The part of a client's socket that is used here. */
interface Corkable {
  readonly cork?: () => void;
  readonly uncork: () => void;
}

/** The part of a client, or of a Cluster's client of one node, that is used here. */
interface Connected {
  readonly status: string;
  readonly stream?: Corkable;
}

/** Saved at load, so that a test that replaces the timers does not stop Redis. */
const afterThisTurn = setImmediate;

/**
 * Sends all commands of one turn of the event loop in one write. A write is a system call, which costs more than all
 * decisions about a hit, and Redis answers in one piece what it receives in one piece. A single command in a turn gains
 * and loses nothing.
 */
export class WriteBatch {
  readonly #connections: () => readonly Connected[];
  #corked: Corkable[] | undefined;

  constructor(client: RedisClient) {
    const one = [client as unknown as Connected];
    const cluster = client as unknown as { nodes(role: 'master'): readonly Connected[] };
    this.#connections = client.isCluster ? () => cluster.nodes('master') : () => one;
  }

  /** Must be called before a command is given to the client. */
  open(): void {
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
