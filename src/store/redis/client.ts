/**
 * The port: what the store asks of a client of Redis. `clients/` has one adapter for each library. A key is given without the
 * client's own prefix, which the adapter adds. A call rejects with the error of the client; `store/fault` reads its message.
 */
export interface Client extends Reader {
  readonly isCluster: boolean;
  /** What the client puts before each key; empty for nothing. SCAN and the names of channels have the whole key. */
  readonly keyPrefix: string;
  /** Whether commands arrive in the order in which they are given. A pool sends each over another connection. */
  readonly isOrdered: boolean;
  /** Whether a command that is given now leaves now, and does not wait for a lost connection. */
  isReachable(): boolean;
  /** Sends the commands that are given in this turn of the event loop in one write, where the client would not do so itself. */
  gather(): void;
  /** Runs a script by its hash. @throws with a message that begins with NOSCRIPT where the server does not know it. */
  evalsha(sha: string, keys: readonly string[], args: readonly Argument[], as: ReplyForm): Promise<unknown>;
  eval(lua: string, keys: readonly string[], args: readonly Argument[], as: ReplyForm): Promise<unknown>;
  /** Any other command about one key. Its reply has texts. */
  command(name: string, key: string, ...args: Argument[]): Promise<unknown>;
  ping(): Promise<unknown>;
  /** The servers that have keys, as they are now. @throws when a Cluster has no master that is known. */
  servers(): Promise<readonly Server[]>;
  /** Calls the listener whenever a lost connection is there again. @returns a function that removes the listener. */
  onReady(listener: () => void): () => void;
  /** Opens what receives the messages of channels, beside the connection of the commands. */
  subscriber(events: SubscriberEvents): Subscriber;
  /** How the changes of keys that were read are learned of; a text says why they cannot be. */
  readonly tracking: Trackable | string;
}

export type Argument = string | number | Buffer;

/** Whether the strings of a reply are texts or buffers. */
export type ReplyForm = 'texts' | 'buffers';

/** Reads values. */
export interface Reader {
  hget(key: string, field: string): Promise<Buffer | null>;
  hmget(key: string, fields: readonly string[]): Promise<(Buffer | null)[]>;
}

/** One server. */
export interface Server {
  /** Its address in a Cluster; empty where there is one server only. */
  readonly name: string;
  /** Any command, with whole keys. Its reply has texts. */
  call(command: string, ...args: Argument[]): Promise<unknown>;
}

/**
 * How a message must be published to reach a subscriber: `+` to all nodes, by PUBLISH; `*` in the shard of the channel alone, by
 * SPUBLISH. The lease that somebody waits for has it behind its expiry.
 */
export type Delivery = '+' | '*';

/** Receives messages. One may be lost with a connection. */
export interface Subscriber {
  /** Resolves when messages arrive, with how they must be sent. */
  subscribe(channel: string): Promise<Delivery>;
  unsubscribe(channel: string): void;
  close(): void;
}

export interface SubscriberEvents {
  received(channel: string): void;
  /** It will receive nothing more. */
  ended(): void;
}

/** The server that holds a key. */
export interface Home {
  readonly server: string;
  /** Whether the key is still there, as far as the client knows. */
  isStill(): boolean;
}

/** A client whose servers report the changes of what was read (client tracking). */
export interface Trackable {
  /** Where the client would read this whole key now; `undefined` while it does not know. */
  homeOf(key: string): Home | undefined;
  /** Opens a connection whose reads a server tracks; `undefined` when the server has left the Cluster. */
  track(server: string): ((events: TrackedEvents) => Tracked) | undefined;
  /**
   * @param on.lost the client may use another server from now on. @param on.left a server has left the Cluster.
   * @returns a function that stops watching.
   */
  watch(on: { lost(): void; left(server: string): void }): () => void;
}

/** A connection whose reads a server tracks, or two: one that reads, and one that is told of changes. Keys are whole. */
export interface Tracked extends Reader {
  /** Whether it reaches the server that the client writes to. */
  agrees(): boolean;
  /** Asks the server to track, once the connections are there. @throws what the server replies if it refuses, or {TrackingRefused} */
  enable(): Promise<void>;
  /** Resolves when the server has replied on each connection. A change that it has reported before has arrived. */
  ping(): Promise<unknown>;
  /** Connects again, to where the server is by now. */
  restart(): void;
  close(): void;
}

/** There is no tracking, although the server has not refused it. */
export class TrackingRefused extends Error {}

/** What a tracked connection tells. */
export interface TrackedEvents {
  /** It can be enabled. */
  ready(): void;
  /** What was read before may change without a report. */
  lost(): void;
  /** These whole keys have changed; `null` if any key may have. */
  changed(keys: readonly Buffer[] | null): void;
}
