import type { ReplyForm } from '../client.ts';

/** What the adapter uses of the clients of node-redis. */

interface SendOptions {
  readonly typeMapping: object;
}

export type Send = (args: readonly (string | Buffer)[], options: SendOptions) => Promise<unknown>;

interface Emitter {
  on(event: string, listener: (...args: never[]) => void): this;
  off(event: string, listener: (...args: never[]) => void): this;
}

/** What every client of the library has. */
export interface Common extends Emitter {
  readonly isOpen: boolean;
  readonly isReady?: boolean;
  readonly _keyPrefix?: string | Buffer;
  connect(): Promise<unknown>;
  destroy(): void;
}

/** What a client that subscribes has. */
export interface Channels {
  subscribe(channel: string, listener: () => void): Promise<unknown>;
  unsubscribe(channel: string, listener?: () => void): Promise<unknown>;
}

/** What a Cluster has beside. */
export interface ShardChannels {
  sSubscribe(channel: string, listener: () => void): Promise<unknown>;
  sUnsubscribe(channel: string, listener?: () => void): Promise<unknown>;
}

/** The client of one server. */
export interface Single extends Common, Channels {
  readonly options?: { readonly socket?: object };
  readonly sendCommand: Send;
  duplicate(overrides: object): Single;
}

/** The byte that begins a bulk string, by which the library knows the type: `RESP_TYPES.BLOB_STRING`. */
const BULK_STRING = 36;
/** The mapping of each call replaces that of the user's client. */
export const FORMS: Readonly<Record<ReplyForm, SendOptions>> = {
  texts: { typeMapping: {} },
  buffers: { typeMapping: { [BULK_STRING]: Buffer } },
};
