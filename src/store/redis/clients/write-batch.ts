import type { RedisClient } from '../../../options/redis.ts';

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
 * @returns a function that must be called before a command is given to the client.
 */
export function writeBatch(client: RedisClient): () => void {
  const one = [client as unknown as Connected];
  const cluster = client as unknown as { nodes(role: 'master'): readonly Connected[] };
  const connections = client.isCluster ? () => cluster.nodes('master') : () => one;
  let isOpen = false;

  return () => {
    if (isOpen) return;
    const corked: Corkable[] = [];
    for (const { status, stream } of connections()) {
      if (status !== 'ready' || !stream?.cork) continue;
      stream.cork();
      corked.push(stream);
    }
    if (corked.length === 0) return;
    isOpen = true;
    afterThisTurn(() => {
      isOpen = false;
      for (const stream of corked) stream.uncork();
    });
  };
}
