import { MAX_SPECS } from '../entry.ts';
import { MAX_VARIANTS } from './store.ts';

/**
 * The Lua behind the verbs of `Store`. All keys of one call are in one hash slot. Every script names its
 * arguments first; `held` of a lease is "<instant of expiry in ms> <token>".
 */

// What is no lease at all has expired.
const EXPIRY = /* lua */ `
local function expiry(held) return tonumber(string.match(held, '^%d+')) or 0 end
`;

const NOW = /* lua */ `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

// A key of a type that is not ours is overwritten, never an error that would keep a place from being cached. There
// is no DEL where there is none: after its first write, whatever it was, a script may write beyond maxmemory.
const LEASES = /* lua */ `
local kind = redis.call('TYPE', leases).ok
if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', leases) end
`;

// Wakes the processes that wait for a place. Who may not publish has them find out by themselves.
const WAKE = /* lua */ `
redis.pcall('PUBLISH', leases, field)
`;

/**
 * KEYS  leases, target
 * ARGV  field, token, ttl in ms, fingerprint of what the caller saw at the target
 * Returns 1 leader, 0 held by another, 2 the target has changed since; 4 and 3 for 1 and 0 where waiting is futile
 */
export const ACQUIRE: string = /* lua */ `
local leases, target = KEYS[1], KEYS[2]
local field, token, ttl, seen = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local there = redis.pcall('GETRANGE', target, 0, 15)
if type(there) == 'string' and there ~= seen then return 2 end
${NOW}
${EXPIRY}
${LEASES}
local held = redis.call('HGET', leases, field)
local futile = redis.call('HGET', leases, '!' .. field)
futile = futile and expiry(futile) > now
if held and expiry(held) > now then return futile and 3 or 0 end
if redis.call('HLEN', leases) >= 32 then
  local all = redis.call('HGETALL', leases)
  for i = 1, #all, 2 do
    if expiry(all[i + 1]) <= now then redis.call('HDEL', leases, all[i]) end
  end
end
redis.call('HSET', leases, field, string.format('%.0f', now + ttl) .. ' ' .. token)
if redis.call('PTTL', leases) < ttl then redis.call('PEXPIRE', leases, ttl) end
return futile and 4 or 1
`;

const HOLDS = /* lua */ `
local held = redis.call('TYPE', leases).ok == 'hash' and redis.call('HGET', leases, field)
local holds = held and string.match(held, ' (.*)$') == token
`;

/**
 * KEYS  leases
 * ARGV  field, token, ttl in ms
 * Returns 1 kept, 0 no longer held
 */
export const RENEW: string = /* lua */ `
local leases, field, token, ttl = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
${HOLDS}
if not holds then return 0 end
${NOW}
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
  ${NOW}
  redis.call('HSET', leases, '!' .. field, string.format('%.0f', now + futile) .. ' ')
  if redis.call('PTTL', leases) < futile then redis.call('PEXPIRE', leases, futile) end
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

/**
 * KEYS  leases, index, slot, target, base
 * ARGV  field, token, bytes, ttl in ms, nominated names, slot's variant, target's variant
 * Returns 1 stored, 0 lease revoked
 *
 * A response that does not vary stands in its slot. Once one does, the slot holds the marker and every response
 * stands at its target.
 */
export const COMMIT: string = /* lua */ `
local leases, index, slot, target, base = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local field, token, bytes, ttl, names = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local slotVariant, targetVariant = ARGV[6], ARGV[7]
${HOLDS}
if not holds then return 0 end
local first = redis.pcall('GETRANGE', slot, 0, 0)
local marked = first == '\\2'
local into, variant = slot, slotVariant
if marked or names ~= '' then
  into, variant = target, targetVariant
  local specs, kept = '\\2' .. names, 1
  if marked then
    for spec in string.gmatch(string.sub(redis.call('GET', slot), 2) .. '\\n', '(.-)\\n') do
      if spec ~= names and kept < ${MAX_SPECS} then
        specs = specs .. '\\n' .. spec
        kept = kept + 1
      end
    end
  end
  redis.call('SET', slot, specs, 'PX', math.max(ttl, marked and redis.call('PTTL', slot) or 0))
end
redis.call('SET', into, bytes, 'PX', ttl)
if into ~= base or slot ~= base then
  ${NOW}
  if redis.call('TYPE', index).ok ~= 'zset' then redis.call('DEL', index) end
  redis.call('ZREMRANGEBYSCORE', index, '-inf', now)
  if slot ~= base then redis.call('ZADD', index, 'GT', now + math.max(ttl, redis.call('PTTL', slot)), slotVariant) end
  if into ~= base then redis.call('ZADD', index, now + ttl, variant) end
  while redis.call('ZCARD', index) > ${MAX_VARIANTS} do
    redis.call('UNLINK', base .. ':' .. redis.call('ZPOPMIN', index)[1])
  end
  if redis.call('PTTL', index) < ttl then redis.call('PEXPIRE', index, ttl) end
end
redis.call('HDEL', leases, field, '!' .. field)
${WAKE}
return 1
`;

/**
 * KEYS  leases, index, base
 * Returns how many stored responses were deleted
 */
export const PURGE: string = /* lua */ `
local leases, index, base = KEYS[1], KEYS[2], KEYS[3]
local keys = { base }
if redis.call('TYPE', index).ok == 'zset' then
  for _, variant in ipairs(redis.call('ZRANGE', index, 0, -1)) do keys[#keys + 1] = base .. ':' .. variant end
end
local count = 0
for _, key in ipairs(keys) do
  if redis.pcall('GETRANGE', key, 0, 0) == '\\1' then count = count + 1 end
  redis.call('UNLINK', key)
end
redis.call('UNLINK', leases, index)
redis.pcall('PUBLISH', leases, '')
return count
`;
