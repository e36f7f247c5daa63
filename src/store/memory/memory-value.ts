import type { Specs, StoredValue } from '../store.ts';
import { MARKER_VERSION, STALE_MARK } from '../version.ts';

/** A value of the in-process store: what an envelope holds in Redis is in fields here. */
export class MemoryValue implements StoredValue {
  readonly bytes: Buffer;
  readonly version: string;
  readonly staleSince: number | undefined;
  readonly specs: Specs | undefined;

  private constructor(
    bytes: Buffer,
    version: string,
    staleSince: number | undefined,
    specs: Specs | undefined,
  ) {
    this.bytes = bytes;
    this.version = version;
    this.staleSince = staleSince;
    this.specs = specs;
  }

  static response(bytes: Buffer, version: string, staleSince?: number): MemoryValue {
    if (staleSince === undefined) return new MemoryValue(bytes, version, undefined, undefined);
    // In whole seconds, as in Redis.
    const seconds = Math.floor(staleSince / 1000);
    return new MemoryValue(bytes, version + STALE_MARK, seconds * 1000, undefined);
  }

  static marker(specs: Specs): MemoryValue {
    return new MemoryValue(Buffer.alloc(0), MARKER_VERSION, undefined, specs);
  }

  equals(other: MemoryValue): boolean {
    return this === other;
  }

  copy(): MemoryValue {
    return this;
  }
}
