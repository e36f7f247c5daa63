import { HEAD_BYTES, MAX_SPECS } from '../entry.ts';
import { HOLDS, hashOrNothing, META, NOW, WAKE } from './lua.ts';
import { MAX_VARIANTS } from './store.ts';

/**
 * The Lua behind the verbs about what is stored for a cache key. All keys of one call are in one hash slot, and all are
 * named in KEYS. What is stored at a variant is known by the field !variant: "r" for a response or "m" for a marker, the
 * instant of expiry in ms, the place in the order of storing, and the fingerprint.
 */

/**
 * KEYS  leases, base
 * ARGV  field, token, bytes, ttl in ms, nominated names, slot, target, the cache key if the id is a hash of it, its
 *       place in the order of storing
 * Returns 1 stored, 0 lease revoked
 *
 * A response that does not vary stands in its slot. Once one does, the slot holds the marker and every response
 * stands at its target.
 */
export const COMMIT: string = /* lua */ `
local leases, base = KEYS[1], KEYS[2]
local field, token, bytes, ttl, names = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local slot, target, name, order = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
${HOLDS}
if not holds then return 0 end
${META}
local function put(variant, kind, value, expires)
  local meta = kind .. instant(expires) .. ' ' .. order .. ' ' .. string.sub(value, 1, ${HEAD_BYTES})
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
    if entry[2] <= now or i <= #all - ${MAX_VARIANTS} then redis.call('HDEL', base, entry[1], '!' .. entry[1]) end
  end
  latest = all[#all][2]
end
redis.call('PEXPIREAT', base, instant(latest))
redis.call('HDEL', leases, field, '!' .. field)
if redis.call('HLEN', leases) == redis.call('HEXISTS', leases, '@') then redis.call('UNLINK', leases) end
${WAKE}
return 1
`;

/**
 * KEYS  leases, base
 * ARGV  bytes, ttl in ms, the cache key if the id is a hash of it, its place in the order of storing
 */
export const PUT: string = /* lua */ `
local leases, base = KEYS[1], KEYS[2]
local bytes, ttl, name, order = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
${NOW}
local meta = 'r' .. string.format('%.0f', now + ttl) .. ' ' .. order .. ' ' .. string.sub(bytes, 1, ${HEAD_BYTES})
${hashOrNothing('base')}
-- First, so that it is refused beyond maxmemory.
redis.call('HSET', base, '', bytes, '!', meta)
for _, field in ipairs(redis.call('HKEYS', base)) do
  if field ~= '' and field ~= '!' and field ~= '@' then redis.call('HDEL', base, field) end
end
redis.call('UNLINK', leases)
if name ~= '' then redis.call('HSET', base, '@', name) end
redis.call('PEXPIRE', base, ttl)
redis.pcall('PUBLISH', leases, '')
return 1
`;

/**
 * KEYS  base
 * ARGV  variant
 */
export const DISCARD: string = /* lua */ `
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return redis.call('UNLINK', KEYS[1]) end
return redis.call('HDEL', KEYS[1], ARGV[1], '!' .. ARGV[1])
`;

/**
 * KEYS  leases, base
 * ARGV  what marks a response stale (empty: delete it), field and token of a lease to be kept
 * Returns for each response that was purged its place in the order of storing
 */
export const PURGE: string = /* lua */ `
local leases, base = KEYS[1], KEYS[2]
local mark, field, token = ARGV[1], ARGV[2], ARGV[3]
${META}
local purged, held = {}, false
if redis.call('TYPE', base).ok == 'hash' then
  for _, key in ipairs(redis.call('HKEYS', base)) do
    local meta = string.sub(key, 1, 1) == '!' and parse(redis.call('HGET', base, key))
    if meta and meta.kind == 'r' then
      purged[#purged + 1] = instant(meta.order)
      local variant = string.sub(key, 2)
      local bytes = mark ~= '' and redis.call('HGET', base, variant)
      if bytes and #bytes >= ${HEAD_BYTES} then
        local marked = string.sub(bytes, 1, 8) .. mark .. string.sub(bytes, 17)
        local print = string.sub(marked, 1, ${HEAD_BYTES})
        redis.call('HSET', base, variant, marked, key, 'r' .. instant(meta.expires) .. ' ' .. instant(meta.order) .. ' ' .. print)
      end
    end
  end
end
if mark == '' then redis.call('UNLINK', base) end
if token ~= '' and redis.call('TYPE', leases).ok == 'hash' then
  held = redis.call('HGET', leases, field)
  held = held and string.match(held, ' (.*)$') == token and { held, redis.call('PTTL', leases) }
end
redis.call('UNLINK', leases)
if held then
  redis.call('HSET', leases, field, held[1])
  redis.call('PEXPIRE', leases, math.max(1, held[2]))
end
redis.pcall('PUBLISH', leases, '')
return purged
`;

/**
 * Takes what was stored in its turn away again, for `maxEntries`; a fill that is about to store it is revoked.
 * KEYS  leases, base
 * ARGV  its place in the order of storing, then the variants where it may be
 */
export const EVICT: string = /* lua */ `
local leases, base, order = KEYS[1], KEYS[2], tonumber(ARGV[1])
${META}
local found = false
for i = 2, #ARGV do
  local meta = redis.call('TYPE', base).ok == 'hash' and parse(redis.call('HGET', base, '!' .. ARGV[i]))
  if meta and meta.kind == 'r' then
    if meta.order >= order then found = true end
    if meta.order <= order then redis.call('HDEL', base, ARGV[i], '!' .. ARGV[i]) end
  end
end
if not found then redis.call('UNLINK', leases) end
return 1
`;
