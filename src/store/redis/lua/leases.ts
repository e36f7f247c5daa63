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
import { openLog } from './tags.ts';

/**
 * The scripts about leases. All keys of one call are in one hash slot, and all are named in KEYS. The field of a variant
 * in `leases` is "<expiry in ms> <token>", with a "+" or "*" behind the expiry if anybody waits for the end of the lease (Delivery). The field
 * !variant is "<ms> ", until when nobody waits for a fill of it.
 */

/**
 * Takes the lease of a variant. Where the id has neither leases nor responses, it reads nothing more of it.
 * KEYS  leases, responses; log, the purge log, where this script may touch it
 * ARGV  field, the variant; token; ttl in ms; version that the caller saw there; name, the cache key if the id is a hash
 * Returns 0 in progress, "1<state of the log>" leader, 2 changed; 3 and "4<state>" in place of 0 and 1 with hit-for-miss; "5<state>"
 *         and "6<state>" in place of 1 and 4 if the id has no responses
 */
export const ACQUIRE: string = /* lua */ `
local leases, responses, log = KEYS[1], KEYS[2], KEYS[3]
local field, token, ttl, version, name = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
${NOW}
${INSTANT}
local isFirst = redis.call('EXISTS', responses) == 0
if version ~= '' or not isFirst then
  ${RECORD}
  ${ENVELOPE}
  local record = recordOf(field)
  if (record and record.version or '') ~= version then
    -- The record may be wrong if another program has written the value.
    local value = redis.pcall('HGET', responses, field)
    if (type(value) == 'string' and versionIn(value) or '') ~= version then return 2 end
  end
end
local hitForMiss, marks, isNew = false, '', redis.call('EXISTS', leases) == 0
if not isNew then
  ${LEASE_EXPIRY}
  ${deleteUnlessHash('leases')}
  local there = redis.call('HMGET', leases, field, '!' .. field)
  local lease = there[1]
  hitForMiss = there[2] and expiryOf(there[2]) > now
  -- A lease with the caller's own token: the script was sent again, since its reply was lost with a connection.
  if lease and expiryOf(lease) > now and string.match(lease, ' (.*)$') ~= token then return hitForMiss and 3 or 0 end
  -- Whoever waits for a lease that has expired waits for this one.
  marks = lease and string.match(lease, '^%d+([+*]*)') or ''
  if redis.call('HLEN', leases) >= 32 then
    local all = redis.call('HGETALL', leases)
    for i = 1, #all, 2 do
      if all[i] ~= '@' and expiryOf(all[i + 1]) <= now then redis.call('HDEL', leases, all[i]) end
    end
  end
end
local state = ''
if log then
  ${openLog('token')}
end
local lease = instant(now + ttl) .. marks .. ' ' .. token
if name == '' then redis.call('HSET', leases, field, lease) else redis.call('HSET', leases, field, lease, '@', name) end
if isNew or redis.call('PTTL', leases) < ttl then redis.call('PEXPIRE', leases, ttl) end
return (isFirst and (hitForMiss and '6' or '5') or (hitForMiss and '4' or '1')) .. state
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
redis.call('HSET', leases, field, instant(now + ttl) .. marks .. ' ' .. token)
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
 * Marks the lease of a variant: somebody waits for its end, so that its end will be published.
 * KEYS  leases
 * ARGV  field, the variant; mark, how its end must be published (Delivery)
 * Returns 1 leased, 0 free
 */
export const AWAIT_END: string = /* lua */ `
local leases, field, mark = KEYS[1], ARGV[1], ARGV[2]
local lease = redis.pcall('HGET', leases, field)
if type(lease) ~= 'string' then return 0 end
${NOW}
${LEASE_EXPIRY}
if expiryOf(lease) <= now then return 0 end
-- A server that is full, or a user who may not write, is waited for in vain: the caller looks again after a while.
local expiry, marks, rest = string.match(lease, '^(%d+)([+*]*)(.*)$')
if not string.find(marks, mark, 1, true) then redis.pcall('HSET', leases, field, expiry .. marks .. mark .. rest) end
return 1
`;
