import { ENVELOPE } from '../envelope.ts';
import {
  DELETE_EMPTY_LEASES,
  deleteUnlessHash,
  HOLDS_LEASE,
  INSTANT,
  LEASE_EXPIRY,
  NOW,
  PUBLISH_END_OF_LEASE,
  RECORD,
} from './shared.ts';
import { OPEN_LOG } from './tags.ts';

/**
 * The scripts about leases. All keys of one call are in one hash slot, and all are named in KEYS. The field of a variant
 * in `leases` is "<expiry in ms> <token>"; the field !variant is "<ms> ", until when nobody waits for a fill of it.
 */

/**
 * Takes the lease of a variant.
 * KEYS  leases, responses; log, the purge log, where this script may touch it
 * ARGV  field, the variant; token; ttl in ms; version that the caller saw there; name, the cache key if the id is a hash
 * Returns { 1, state of the log } leader, 0 in progress, 2 changed; { 4, state } and 3 instead of 1 and 0 with hit-for-miss
 */
export const ACQUIRE: string = /* lua */ `
local leases, responses, log = KEYS[1], KEYS[2], KEYS[3]
local field, token, ttl, version, name = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
${NOW}
${INSTANT}
${LEASE_EXPIRY}
${RECORD}
${ENVELOPE}
${OPEN_LOG}
local record = recordOf(field)
if (record and record.version or '') ~= version then
  -- The record may be wrong if another program has written the value.
  local value = redis.pcall('HGET', responses, field)
  if (type(value) == 'string' and versionIn(value) or '') ~= version then return 2 end
end
${deleteUnlessHash('leases')}
local lease = redis.call('HGET', leases, field)
local hitForMiss = redis.call('HGET', leases, '!' .. field)
hitForMiss = hitForMiss and expiryOf(hitForMiss) > now
-- A lease with the caller's own token: the script was sent again, since its reply was lost with a connection.
if lease and expiryOf(lease) > now and string.match(lease, ' (.*)$') ~= token then return hitForMiss and 3 or 0 end
if redis.call('HLEN', leases) >= 32 then
  local all = redis.call('HGETALL', leases)
  for i = 1, #all, 2 do
    if all[i] ~= '@' and expiryOf(all[i + 1]) <= now then redis.call('HDEL', leases, all[i]) end
  end
end
local state = log and openLog(log, token) or ''
redis.call('HSET', leases, field, instant(now + ttl) .. ' ' .. token)
if name ~= '' then redis.call('HSET', leases, '@', name) end
if redis.call('PTTL', leases) < ttl then redis.call('PEXPIRE', leases, ttl) end
return { hitForMiss and 4 or 1, state }
`;

/**
 * Extends a lease.
 * KEYS  leases
 * ARGV  field, the variant; token; ttl in ms
 * Returns 1 extended, 0 no longer held
 */
export const RENEW: string = /* lua */ `
local leases, field, token, ttl = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
${HOLDS_LEASE}
if not holdsLease then return 0 end
redis.call('HSET', leases, field, instant(now + ttl) .. ' ' .. token)
if redis.call('PTTL', leases) < ttl then redis.call('PEXPIRE', leases, ttl) end
return 1
`;

/**
 * Gives a lease back.
 * KEYS  leases
 * ARGV  field, the variant; token; hitForMiss, for how many ms nobody waits for another fill, or 0
 */
export const RELEASE: string = /* lua */ `
local leases, field, token, hitForMiss = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
${HOLDS_LEASE}
if not holdsLease then return 0 end
redis.call('HDEL', leases, field)
if hitForMiss > 0 then
  redis.call('HSET', leases, '!' .. field, instant(now + hitForMiss) .. ' ')
  if redis.call('PTTL', leases) < hitForMiss then redis.call('PEXPIRE', leases, hitForMiss) end
else
  ${DELETE_EMPTY_LEASES}
end
${PUBLISH_END_OF_LEASE}
return 1
`;

/**
 * KEYS  leases
 * ARGV  field, the variant
 * Returns 1 leased, 0 free
 */
export const IS_LEASED: string = /* lua */ `
local leases, field = KEYS[1], ARGV[1]
${NOW}
${LEASE_EXPIRY}
local lease = redis.call('TYPE', leases).ok == 'hash' and redis.call('HGET', leases, field)
return lease and expiryOf(lease) > now and 1 or 0
`;
