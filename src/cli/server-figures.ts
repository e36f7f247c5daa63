/** Figures of the Redis servers behind the cache, added up. */
export interface ServerFigures {
  readonly servers: number;
  /** `Redis 7.4.1`. */
  readonly version: string;
  /** Bytes, of all servers together. */
  readonly usedMemory: number;
  /** Bytes, of all servers together; 0 without a limit. */
  readonly maxMemory: number;
  readonly maxMemoryPolicy: string;
  readonly clients: number;
  readonly commandsPerSecond: number;
  /** Since the start of the servers, as all counts below. */
  readonly commands: number;
  readonly keyspaceHits: number;
  readonly keyspaceMisses: number;
  readonly evictedKeys: number;
  readonly expiredKeys: number;
}

/** @param infos the reply to INFO of each server. */
export function serverFigures(infos: readonly Record<string, string>[]): ServerFigures {
  const sum = (name: string): number => infos.reduce((total, info) => total + Number(info[name] ?? 0), 0);
  const distinct = (textOf: (info: Record<string, string>) => string): string =>
    [...new Set(infos.map(textOf))].join(', ');
  return {
    servers: infos.length,
    version: distinct(versionOf),
    usedMemory: sum('used_memory'),
    maxMemory: sum('maxmemory'),
    maxMemoryPolicy: distinct((info) => info.maxmemory_policy ?? ''),
    clients: sum('connected_clients'),
    commandsPerSecond: sum('instantaneous_ops_per_sec'),
    commands: sum('total_commands_processed'),
    keyspaceHits: sum('keyspace_hits'),
    keyspaceMisses: sum('keyspace_misses'),
    evictedKeys: sum('evicted_keys'),
    expiredKeys: sum('expired_keys'),
  };
}

function versionOf(info: Record<string, string>): string {
  if (info.valkey_version) return `Valkey ${info.valkey_version}`;
  return `Redis ${info.redis_version ?? '(unknown version)'}`;
}
