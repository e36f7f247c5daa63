import { isHashed } from '../ids.ts';
import type { Client } from './client.ts';
import type { Permissions } from './permissions.ts';
import type { Scripts } from './scripts.ts';
import type { TagIndex } from './tag-index.ts';

/** What the parts of one Redis store share. */
export interface RedisContext {
  readonly client: Client;
  /** Begins every key. */
  readonly prefix: string;
  readonly scripts: Scripts;
  readonly tagIndex: TagIndex;
  readonly permissions: Permissions;
}

/** The cache key that scripts keep beside an id which is a hash of it; empty where the id is the key. */
export function nameOf(id: string, key: string): string {
  return isHashed(id) ? key : '';
}
