import type { Argument } from '../client.ts';

/** What the types of ioredis leave out of its clients. */

export type Emitter = Record<'on' | 'off', (event: string, listener: (...args: never[]) => void) => unknown>;

/** A client of one server, as it is, or a Cluster's client of one node. */
export interface IoredisNode {
  readonly options: { readonly host?: string; readonly port?: number };
  readonly stream?: { readonly remoteAddress?: string; readonly remotePort?: number };
  /** Its database may have been selected since it was made. */
  readonly condition?: { readonly select?: number } | null;
  call(command: string, ...args: Argument[]): Promise<unknown>;
  duplicate(options: object): unknown;
}

export interface IoredisCluster extends Emitter {
  /** The addresses that have a slot, the master's first. */
  readonly slots: readonly (readonly string[] | undefined)[];
  nodes(role: 'master'): IoredisNode[];
  refreshSlotsCache(done: () => void): void;
}

/** The name of a node in the Cluster's table of slots. */
export function addressOf({ options: { host, port } }: Pick<IoredisNode, 'options'>): string {
  return `${host}:${port}`;
}

/** Where a connection leads: the remote address and the database, as one text. */
export function peerOf({ stream, condition }: Pick<IoredisNode, 'stream' | 'condition'>): string {
  return stream ? `${stream.remoteAddress} ${stream.remotePort} ${condition?.select}` : 'none';
}
