import type { RedisClient } from '../../options/redis.ts';

/** One command brings them all. */
export function readFrom(
  client: Pick<RedisClient, 'hgetBuffer' | 'hmgetBuffer'>,
  key: string,
  fields: readonly string[],
  failed?: (error: unknown) => (Buffer | undefined)[],
): Promise<(Buffer | undefined)[]> {
  if (fields.length === 1) return client.hgetBuffer(key, fields[0] as string).then(alone, failed);
  return client.hmgetBuffer(key, ...fields).then(several, failed);
}

function alone(bytes: Buffer | null): (Buffer | undefined)[] {
  return [bytes ?? undefined];
}

function several(found: (Buffer | null)[]): (Buffer | undefined)[] {
  return found.map((bytes) => bytes ?? undefined);
}
