import type { RedisClient } from '../../options/redis.ts';

/** Reads fields of a hash with one command. @param onError may turn an error into values. */
export function readFrom(
  client: Pick<RedisClient, 'hgetBuffer' | 'hmgetBuffer'>,
  key: string,
  fields: readonly string[],
  onError?: (error: unknown) => (Buffer | undefined)[],
): Promise<(Buffer | undefined)[]> {
  if (fields.length === 1) return client.hgetBuffer(key, fields[0] as string).then(single, onError);
  return client.hmgetBuffer(key, ...fields).then(several, onError);
}

function single(bytes: Buffer | null): (Buffer | undefined)[] {
  return [bytes ?? undefined];
}

function several(values: (Buffer | null)[]): (Buffer | undefined)[] {
  return values.map((bytes) => bytes ?? undefined);
}
