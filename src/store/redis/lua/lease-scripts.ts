import { HEAD_BYTES } from '../../../codec/format.ts';
import type { Acquired } from '../../store.ts';
import { EXPIRY, HOLDS, hashOrNothing, META, NOW, WAKE } from './lua.ts';

/**
 * The Lua behind the verbs about leases. All keys of one call are in one hash slot, and all are named in KEYS.
 * A lease is held as "<instant of expiry in ms> <token>".
 */

/**
 * KEYS  leases, base; the stamp of the last purge by tag, where the same script may touch it
 * ARGV  field, token, ttl in ms, fingerprint of what the caller saw there, the cache key if the id is a hash of it
 * Returns 1 leader, 0 held by another, 2 what is there has changed; 4 and 3 for 1 and 0 where waiting is futile. With
 *         the stamp, if the lease was given
 */
export const ACQUIRE: string = /* lua */ `
local leases, base, stamp = KEYS[1], KEYS[2], KEYS[3]
local field, token, ttl, seen, name = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
${NOW}
${EXPIRY}
${META}
local known = redis.pcall('HGET', base, '!' .. field)
local meta = parse(type(known) == 'string' and known)
if (meta and meta.print or '') ~= seen then
  -- What is known of it may be wrong, if somebody else has written there.
  local there = redis.pcall('HGET', base, field)
  if (type(there) == 'string' and string.sub(there, 1, ${HEAD_BYTES}) or '') ~= seen then return 2 end
end
${hashOrNothing('leases')}
local held = redis.call('HGET', leases, field)
local futile = redis.call('HGET', leases, '!' .. field)
futile = futile and expiry(futile) > now
-- One's own is of the same script, sent again since its answer was lost with a connection.
if held and expiry(held) > now and string.match(held, ' (.*)$') ~= token then return futile and 3 or 0 end
if redis.call('HLEN', leases) >= 32 then
  local all = redis.call('HGETALL', leases)
  for i = 1, #all, 2 do
    if all[i] ~= '@' and expiry(all[i + 1]) <= now then redis.call('HDEL', leases, all[i]) end
  end
end
local stamped = stamp and redis.call('GET', stamp) or '0'
redis.call('HSET', leases, field, instant(now + ttl) .. ' ' .. token)
if name ~= '' then redis.call('HSET', leases, '@', name) end
if redis.call('PTTL', leases) < ttl then redis.call('PEXPIRE', leases, ttl) end
return { futile and 4 or 1, stamped }
`;

const ACQUIRED = ['held', 'leader', 'changed', 'futile', 'alone'] as const;

/** What ACQUIRE answers, which some clients are set to give as text. */
export function acquired(answer: unknown): Acquired {
  const [kind, stamp] = Array.isArray(answer) ? answer : [answer, 0];
  return { kind: ACQUIRED[Number(kind)] as Acquired['kind'], stamp: Number(stamp) };
}

/**
 * KEYS  leases
 * ARGV  field, token, ttl in ms
 * Returns 1 kept, 0 no longer held
 */
export const RENEW: string = /* lua */ `
local leases, field, token, ttl = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
${HOLDS}
if not holds then return 0 end
redis.call('HSET', leases, field, string.format('%.0f', now + ttl) .. ' ' .. token)
if redis.call('PTTL', leases) < ttl then redis.call('PEXPIRE', leases, ttl) end
return 1
`;

/**
 * KEYS  leases
 * ARGV  field, token, how many ms it is futile to wait for this place (0 when that is not known)
 */
export const RELEASE: string = /* lua */ `
local leases, field, token, futile = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
${HOLDS}
if not holds then return 0 end
redis.call('HDEL', leases, field)
if futile > 0 then
  redis.call('HSET', leases, '!' .. field, string.format('%.0f', now + futile) .. ' ')
  if redis.call('PTTL', leases) < futile then redis.call('PEXPIRE', leases, futile) end
elseif redis.call('HLEN', leases) == redis.call('HEXISTS', leases, '@') then
  redis.call('UNLINK', leases)
end
${WAKE}
return 1
`;

/**
 * KEYS  leases
 * ARGV  field
 * Returns 1 held, 0 free
 */
export const HELD: string = /* lua */ `
local leases, field = KEYS[1], ARGV[1]
${NOW}
${EXPIRY}
local held = redis.call('TYPE', leases).ok == 'hash' and redis.call('HGET', leases, field)
return held and expiry(held) > now and 1 or 0
`;
