/** What the servers behind the cache say of themselves, as one. */
export interface ServerFigures {
  readonly servers: number;
  /** `Redis 7.4.1`. */
  readonly version: string;
  /** Bytes, by all servers together. */
  readonly usedMemory: number;
  /** 0 where there is no bound. */
  readonly maxMemory: number;
  readonly maxMemoryPolicy: string;
  readonly clients: number;
  readonly commandsPerSecond: number;
  /** Since it was started, as the following. */
  readonly commands: number;
  readonly keyspaceHits: number;
  readonly keyspaceMisses: number;
  readonly evictedKeys: number;
  readonly expiredKeys: number;
}

/** @param infos what each answered to INFO. */
export function figuresOf(infos: readonly Record<string, string>[]): ServerFigures {
  const sum = (name: string): number => infos.reduce((all, info) => all + Number(info[name] ?? 0), 0);
  const each = (textOf: (info: Record<string, string>) => string): string =>
    [...new Set(infos.map(textOf))].join(', ');
  return {
    servers: infos.length,
    version: each((info) =>
      info.valkey_version
        ? `Valkey ${info.valkey_version}`
        : `Redis ${info.redis_version ?? 'of no known version'}`,
    ),
    usedMemory: sum('used_memory'),
    maxMemory: sum('maxmemory'),
    maxMemoryPolicy: each((info) => info.maxmemory_policy ?? ''),
    clients: sum('connected_clients'),
    commandsPerSecond: sum('instantaneous_ops_per_sec'),
    commands: sum('total_commands_processed'),
    keyspaceHits: sum('keyspace_hits'),
    keyspaceMisses: sum('keyspace_misses'),
    evictedKeys: sum('evicted_keys'),
    expiredKeys: sum('expired_keys'),
  };
}
