import { HEAD_BYTES, MAX_SPECS } from '../../../codec/format.ts';
import { MAX_VARIANTS } from '../../store.ts';
import { HOLDS, hashOrNothing, LISTED, META, NOW, sortedOrNothing, WAKE } from './lua.ts';

/**
 * The Lua behind the verbs about what is stored for a cache key. All keys of one call are in one hash slot, and all are
 * named in KEYS. What is stored at a variant is known by the field !variant: "r" for a response or "m" for a marker, the
 * instant of expiry in ms, and the fingerprint.
 */

/**
 * KEYS  leases, base; with `maxEntries` also entries and expiries
 * ARGV  field, token, bytes, ttl in ms, nominated names, slot, target, the cache key if the id is a hash of it, with
 *       `maxEntries` how many there may be
 * Returns 1 stored, 0 lease revoked
 *
 * A response that does not vary stands in its slot. Once one does, the slot holds the marker and every response
 * stands at its target.
 */
export const COMMIT: string = /* lua */ `
local leases, base, entries, expiries = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local field, token, bytes, ttl, names = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local slot, target, name, max = ARGV[6], ARGV[7], ARGV[8], tonumber(ARGV[9])
${HOLDS}
if not holds then return 0 end
${META}
${LISTED}
local function put(variant, kind, value, expires)
  local meta = kind .. instant(expires) .. ' ' .. string.sub(value, 1, ${HEAD_BYTES})
  redis.call('HSET', base, variant, value, '!' .. variant, meta)
end
${hashOrNothing('base')}
local latest, into = now + ttl, slot
local there = parse(redis.call('HGET', base, '!' .. slot))
local marked = there and there.kind == 'm'
if marked or names ~= '' then
  into = target
  local specs, kept = '\\2' .. names, 1
  if marked then
    for spec in string.gmatch(string.sub(redis.call('HGET', base, slot) or '', 2) .. '\\n', '(.-)\\n') do
      if spec ~= names and kept < ${MAX_SPECS} then
        specs = specs .. '\\n' .. spec
        kept = kept + 1
      end
    end
  end
  unlist(named(slot))
  put(slot, 'm', specs, math.max(latest, marked and there.expires or 0))
end
put(into, 'r', bytes, latest)
if name ~= '' then redis.call('HSET', base, '@', name) end
if redis.call('HLEN', base) > 3 then
  local all = {}
  for _, key in ipairs(redis.call('HKEYS', base)) do
    if string.sub(key, 1, 1) == '!' then
      local meta = parse(redis.call('HGET', base, key))
      all[#all + 1] = { string.sub(key, 2), meta and meta.expires or 0 }
    end
  end
  table.sort(all, function(a, b) return a[2] < b[2] end)
  for i, entry in ipairs(all) do
    if entry[2] <= now or i <= #all - ${MAX_VARIANTS} then
      redis.call('HDEL', base, entry[1], '!' .. entry[1])
      unlist(named(entry[1]))
    end
  end
  latest = all[#all][2]
end
redis.call('PEXPIREAT', base, instant(latest))
if entries then
  ${sortedOrNothing('entries')}
  ${sortedOrNothing('expiries')}
  local last = redis.call('ZRANGE', entries, -1, -1, 'WITHSCORES')[2]
  redis.call('ZADD', entries, math.max((tonumber(last) or 0) + 1, time[1] * 1000000 + time[2]), named(into))
  redis.call('ZADD', expiries, now + ttl, named(into))
  for _, expired in ipairs(redis.call('ZRANGEBYSCORE', expiries, '-inf', now, 'LIMIT', 0, 1000)) do drop(expired) end
  while redis.call('ZCARD', entries) > max do drop(redis.call('ZRANGE', entries, 0, 0)[1]) end
  for _, key in ipairs({ entries, expiries }) do
    if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
  end
end
redis.call('HDEL', leases, field, '!' .. field)
if redis.call('HLEN', leases) == redis.call('HEXISTS', leases, '@') then redis.call('UNLINK', leases) end
${WAKE}
return 1
`;

/**
 * KEYS  leases, base; with `maxEntries` also entries and expiries
 * ARGV  bytes, ttl in ms, the cache key if the id is a hash of it
 */
export const PUT: string = /* lua */ `
local leases, base, entries, expiries = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local bytes, ttl, name = ARGV[1], tonumber(ARGV[2]), ARGV[3]
${NOW}
${LISTED}
local meta = 'r' .. string.format('%.0f', now + ttl) .. ' ' .. string.sub(bytes, 1, ${HEAD_BYTES})
${hashOrNothing('base')}
-- First, so that it is refused beyond maxmemory.
redis.call('HSET', base, '', bytes, '!', meta)
for _, field in ipairs(redis.call('HKEYS', base)) do
  unlist(named(field))
  if field ~= '' and field ~= '!' and field ~= '@' then redis.call('HDEL', base, field) end
end
redis.call('UNLINK', leases)
if name ~= '' then redis.call('HSET', base, '@', name) end
redis.call('PEXPIRE', base, ttl)
redis.pcall('PUBLISH', leases, '')
return 1
`;

/**
 * KEYS  leases, base; with `maxEntries` also entries and expiries
 * ARGV  variant
 */
export const DISCARD: string = /* lua */ `
local base, entries, expiries = KEYS[2], KEYS[3], KEYS[4]
${LISTED}
unlist(named(ARGV[1]))
if redis.call('TYPE', base).ok ~= 'hash' then return redis.call('UNLINK', base) end
return redis.call('HDEL', base, ARGV[1], '!' .. ARGV[1])
`;

/**
 * KEYS  leases, base; with `maxEntries` also entries and expiries
 * ARGV  what marks a response stale (empty: delete it)
 * Returns how many responses were purged
 */
export const PURGE: string = /* lua */ `
local leases, base, entries, expiries = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local mark = ARGV[1]
${META}
${LISTED}
local purged = 0
if redis.call('TYPE', base).ok == 'hash' then
  for _, variant in ipairs(redis.call('HKEYS', base)) do
    local first = string.sub(variant, 1, 1)
    local meta = first ~= '!' and first ~= '@' and parse(redis.call('HGET', base, '!' .. variant))
    if mark == '' then
      if meta and meta.kind == 'r' then purged = purged + 1 end
      unlist(named(variant))
    elseif first ~= '!' and first ~= '@' then
      local bytes = redis.call('HGET', base, variant)
      -- What was marked before is stale since then.
      if #bytes >= ${HEAD_BYTES} and string.byte(bytes) == 1 and string.sub(bytes, 9, 16) == string.rep('\\0', 8) then
        purged = purged + 1
        local marked = string.sub(bytes, 1, 8) .. mark .. string.sub(bytes, 17)
        redis.call('HSET', base, variant, marked)
        if meta then
          local known = meta.kind .. instant(meta.expires) .. ' ' .. string.sub(marked, 1, ${HEAD_BYTES})
          redis.call('HSET', base, '!' .. variant, known)
        end
      end
    end
  end
end
if mark == '' then redis.call('UNLINK', base) end
redis.call('UNLINK', leases)
redis.pcall('PUBLISH', leases, '')
return purged
`;
