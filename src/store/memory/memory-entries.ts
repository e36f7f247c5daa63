import { decodeMarker, versionOf } from '../../codec/format.ts';
import type {
  Place,
  Replacement,
  ScanPosition,
  ScanStep,
  StoredEntries,
  ValueDescription,
} from '../store.ts';
import type { MemoryIndex } from './memory-index.ts';

/** What the in-process store has at a place. */
interface Stored extends Place {
  readonly key: string;
  readonly tags: readonly string[];
  readonly bytes: Buffer;
  readonly expiresAt: number;
}

/** The in-process store, as far as it matters here. */
interface Places {
  now(): number;
  peek(place: string): Stored | undefined;
  write(stored: Stored): void;
}

/** The verbs of whoever looks after what is stored in this process. */
export class MemoryEntries implements StoredEntries {
  readonly #index: MemoryIndex;
  readonly #places: Places;

  constructor(index: MemoryIndex, places: Places) {
    this.#index = index;
    this.#places = places;
  }

  async scan(from: ScanPosition | undefined, count: number, tag: string | undefined): Promise<ScanStep> {
    const { ids, last } = this.#index.after(Number(from?.cursor ?? 0), count, tag);
    const next = ids.length < count ? undefined : { node: '', cursor: String(last) };
    return { ids, scanned: ids.length, next };
  }

  async describe(ids: readonly string[]): Promise<ValueDescription[]> {
    const found = ids.flatMap((id) => this.#stored(id));
    return found.filter(({ bytes }) => !decodeMarker(bytes)).map((stored) => this.#describe(stored));
  }

  async count(): Promise<number> {
    return this.#index.size;
  }

  async read(place: Place): Promise<{ bytes: Buffer; expiresInMs: number } | undefined> {
    const stored = this.#places.peek(placeOf(place));
    return stored && { bytes: stored.bytes, expiresInMs: stored.expiresAt - this.#places.now() };
  }

  async replace({ version, bytes, ttl, tags, ...place }: Replacement): Promise<boolean> {
    const stored = this.#places.peek(placeOf(place));
    if (!stored || !versionOf(stored.bytes).equals(version)) return false;
    const expiresAt = this.#places.now() + ttl;
    // The markers that lead to it last as long.
    for (const other of this.#stored(place.id)) {
      if (decodeMarker(other.bytes) && other.expiresAt < expiresAt)
        this.#places.write({ ...other, expiresAt });
    }
    this.#places.write({ ...stored, bytes, tags, expiresAt });
    return this.#places.peek(placeOf(place)) !== undefined;
  }

  #stored(id: string): Stored[] {
    return [...this.#index.placesOf(id)].flatMap((place) => this.#places.peek(place) ?? []);
  }

  #describe({ id, variant, key, bytes, expiresAt }: Stored): ValueDescription {
    const expiresInMs = expiresAt - this.#places.now();
    return { id, variant, key, head: bytes, length: bytes.length, expiresInMs };
  }
}

function placeOf({ id, variant }: Place): string {
  return `${id}\n${variant}`;
}
