import { HEAD_BYTES, MAX_SPECS } from '../../../codec/format.ts';
import { MAX_VARIANTS } from '../../store.ts';
import {
  DELETE_EMPTY_LEASES,
  deleteUnlessHash,
  deleteUnlessSortedSet,
  HOLDS_LEASE,
  INSTANT,
  NOW,
  PUBLISH_END_OF_LEASE,
  RECORD,
  STORING_ORDER,
} from './shared.ts';

/**
 * The scripts that change stored responses. All keys of one call are in one hash slot, and all are named in KEYS. With
 * `maxEntries` a script also gets the two keys of the order of storing, `entries` and `expiries`.
 */

/**
 * Stores the response of a fill and releases its lease. A response that does not vary is stored at `declaredVariant`.
 * Once a response varies, a marker is there, which lists the field names, and every response is stored at `variant`.
 * KEYS  leases, responses; entries, expiries
 * ARGV  field, the variant that is leased; token; bytes; ttl in ms; names, the nominated field names; declaredVariant;
 *       variant; name, the cache key if the id is a hash; max, the most entries
 * Returns 1 stored, 0 the lease is no longer held
 */
export const COMMIT: string = /* lua */ `
local leases, responses, entries, expiries = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local field, token, bytes, ttl, names = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local declaredVariant, variant, name, max = ARGV[6], ARGV[7], ARGV[8], tonumber(ARGV[9])
${HOLDS_LEASE}
if not holdsLease then return 0 end
${RECORD}
${STORING_ORDER}
local function write(into, kind, value, expires)
  local record = kind .. instant(expires) .. ' ' .. string.sub(value, 1, ${HEAD_BYTES})
  redis.call('HSET', responses, into, value, '!' .. into, record)
end
${deleteUnlessHash('responses')}
local latest, storedAt = now + ttl, declaredVariant
local there = recordOf(declaredVariant)
local isMarked = there and there.kind == 'm'
if isMarked or names ~= '' then
  storedAt = variant
  local specs, count = '\\2' .. names, 1
  if isMarked then
    local marker = string.sub(redis.call('HGET', responses, declaredVariant) or '', 2)
    for spec in string.gmatch(marker .. '\\n', '(.-)\\n') do
      if spec ~= names and count < ${MAX_SPECS} then
        specs = specs .. '\\n' .. spec
        count = count + 1
      end
    end
  end
  removeFromOrder(entryOf(declaredVariant))
  write(declaredVariant, 'm', specs, math.max(latest, isMarked and there.expires or 0))
end
write(storedAt, 'r', bytes, latest)
if name ~= '' then redis.call('HSET', responses, '@', name) end
-- More than one value: delete the expired ones, and those that are too many.
if redis.call('HLEN', responses) > 3 then
  local all = {}
  for _, key in ipairs(redis.call('HKEYS', responses)) do
    if string.sub(key, 1, 1) == '!' then
      local other = string.sub(key, 2)
      local record = recordOf(other)
      all[#all + 1] = { variant = other, expires = record and record.expires or 0 }
    end
  end
  table.sort(all, function(a, b) return a.expires < b.expires end)
  for i, other in ipairs(all) do
    if other.expires <= now or i <= #all - ${MAX_VARIANTS} then
      redis.call('HDEL', responses, other.variant, '!' .. other.variant)
      removeFromOrder(entryOf(other.variant))
    end
  end
  latest = all[#all].expires
end
redis.call('PEXPIREAT', responses, instant(latest))
if entries then
  ${deleteUnlessSortedSet('entries')}
  ${deleteUnlessSortedSet('expiries')}
  local last = redis.call('ZRANGE', entries, -1, -1, 'WITHSCORES')[2]
  local order = math.max((tonumber(last) or 0) + 1, time[1] * 1000000 + time[2])
  redis.call('ZADD', entries, order, entryOf(storedAt))
  redis.call('ZADD', expiries, now + ttl, entryOf(storedAt))
  local expired = redis.call('ZRANGEBYSCORE', expiries, '-inf', now, 'LIMIT', 0, 1000)
  for _, entry in ipairs(expired) do deleteEntry(entry) end
  while redis.call('ZCARD', entries) > max do deleteEntry(redis.call('ZRANGE', entries, 0, 0)[1]) end
  for _, key in ipairs({ entries, expiries }) do
    if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
  end
end
redis.call('HDEL', leases, field, '!' .. field)
${DELETE_EMPTY_LEASES}
${PUBLISH_END_OF_LEASE}
return 1
`;

/**
 * Stores a value under the empty variant in place of all values of the id, and revokes its leases.
 * KEYS  leases, responses; entries, expiries
 * ARGV  bytes; ttl in ms; name, the cache key if the id is a hash
 */
export const PUT: string = /* lua */ `
local leases, responses, entries, expiries = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local bytes, ttl, name = ARGV[1], tonumber(ARGV[2]), ARGV[3]
${NOW}
${INSTANT}
${STORING_ORDER}
${deleteUnlessHash('responses')}
-- The first write, so that Redis refuses it beyond maxmemory.
redis.call('HSET', responses, '', bytes, '!', 'r' .. instant(now + ttl) .. ' ' .. string.sub(bytes, 1, ${HEAD_BYTES}))
for _, field in ipairs(redis.call('HKEYS', responses)) do
  removeFromOrder(entryOf(field))
  if field ~= '' and field ~= '!' and field ~= '@' then redis.call('HDEL', responses, field) end
end
redis.call('UNLINK', leases)
if name ~= '' then redis.call('HSET', responses, '@', name) end
redis.call('PEXPIRE', responses, ttl)
redis.pcall('PUBLISH', leases, '')
return 1
`;

/**
 * Replaces a value that has not changed. Leases stay: the response of a fill in progress is newer.
 * KEYS  leases, responses; entries, expiries
 * ARGV  variant; version of the value to replace; bytes; ttl in ms
 * Returns 1 replaced, 0 changed
 */
export const REPLACE: string = /* lua */ `
local responses, entries, expiries = KEYS[2], KEYS[3], KEYS[4]
local variant, version, bytes, ttl = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if redis.call('TYPE', responses).ok ~= 'hash' then return 0 end
if string.sub(redis.call('HGET', responses, variant) or '', 1, ${HEAD_BYTES}) ~= version then return 0 end
${NOW}
${INSTANT}
${RECORD}
${STORING_ORDER}
local expires = now + ttl
local record = 'r' .. instant(expires) .. ' ' .. string.sub(bytes, 1, ${HEAD_BYTES})
redis.call('HSET', responses, variant, bytes, '!' .. variant, record)
local latest = expires
for _, key in ipairs(redis.call('HKEYS', responses)) do
  local other = string.sub(key, 1, 1) == '!' and recordOf(string.sub(key, 2))
  if other then
    -- The markers that lead to the value must not expire before it.
    if other.kind == 'm' and other.expires < expires then
      redis.call('HSET', responses, key, 'm' .. instant(expires) .. ' ' .. other.version)
    end
    latest = math.max(latest, other.expires)
  end
end
redis.call('PEXPIREAT', responses, instant(latest))
if entries then
  redis.call('ZADD', expiries, 'XX', expires, entryOf(variant))
  for _, key in ipairs({ entries, expiries }) do
    if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
  end
end
return 1
`;

/**
 * Deletes one value.
 * KEYS  leases, responses; entries, expiries
 * ARGV  variant
 */
export const DISCARD: string = /* lua */ `
local responses, entries, expiries = KEYS[2], KEYS[3], KEYS[4]
local variant = ARGV[1]
${STORING_ORDER}
removeFromOrder(entryOf(variant))
if redis.call('TYPE', responses).ok ~= 'hash' then return redis.call('UNLINK', responses) end
return redis.call('HDEL', responses, variant, '!' .. variant)
`;

/**
 * Purges all values of an id, and revokes its leases.
 * KEYS  leases, responses; entries, expiries
 * ARGV  mark, which a soft purge writes into each response; empty to delete
 * Returns how many responses were purged
 */
export const PURGE: string = /* lua */ `
local leases, responses, entries, expiries = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local mark = ARGV[1]
${INSTANT}
${RECORD}
${STORING_ORDER}
local purged = 0
if redis.call('TYPE', responses).ok == 'hash' then
  for _, variant in ipairs(redis.call('HKEYS', responses)) do
    if isValue(variant) then
      local record = recordOf(variant)
      if mark == '' then
        if record and record.kind == 'r' then purged = purged + 1 end
        removeFromOrder(entryOf(variant))
      else
        local bytes = redis.call('HGET', responses, variant)
        -- A response that is marked already is stale since its first soft purge.
        if #bytes >= ${HEAD_BYTES} and string.byte(bytes) == 1 and string.sub(bytes, 9, 16) == string.rep('\\0', 8) then
          purged = purged + 1
          local marked = string.sub(bytes, 1, 8) .. mark .. string.sub(bytes, 17)
          redis.call('HSET', responses, variant, marked)
          if record then
            local version = string.sub(marked, 1, ${HEAD_BYTES})
            redis.call('HSET', responses, '!' .. variant, record.kind .. instant(record.expires) .. ' ' .. version)
          end
        end
      end
    end
  end
end
if mark == '' then redis.call('UNLINK', responses) end
redis.call('UNLINK', leases)
redis.pcall('PUBLISH', leases, '')
return purged
`;
