import type { StoredValue } from '../store.ts';
import type { Reader } from './client.ts';
import { parseValue } from './envelope.ts';

/** Reads the values of some variants with one command. @param onError may turn an error into values. */
export function readValues(
  reader: Reader,
  key: string,
  variants: readonly string[],
  onError?: (error: unknown) => (StoredValue | undefined)[],
): Promise<(StoredValue | undefined)[]> {
  if (variants.length === 1) return reader.hget(key, variants[0] as string).then(single, onError);
  return reader.hmget(key, variants).then(several, onError);
}

function single(raw: Buffer | null): (StoredValue | undefined)[] {
  return [raw ? parseValue(raw) : undefined];
}

function several(raws: (Buffer | null)[]): (StoredValue | undefined)[] {
  return raws.map((raw) => (raw ? parseValue(raw) : undefined));
}
