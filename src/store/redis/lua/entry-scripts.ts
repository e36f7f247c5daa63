import { HEAD_BYTES } from '../../../codec/format.ts';
import { LISTED, META, NOW } from './lua.ts';

/**
 * The Lua of whoever looks after what is stored. All keys of one call are in one hash slot, and all are named in KEYS.
 */

/** Of what is sealed: the id of the key with its length, and as much as there is behind it at least. */
const KEY_ID_BYTES = 1 + 32 + 16;

/**
 * KEYS  base
 * ARGV  how many bytes may be read at most (of one value more, if need be), 1 to have what is sealed whole, then the
 *       variants to pass over
 * Returns 1 if there is more to come, the cache key if the id is a hash of it, and for each value but the markers its
 * variant, its length, all of it up to the body (or all of it), and after how many ms it is forgotten
 *
 * Redis has no way to read a part of a field, so the body is copied within the server, and goes no further.
 */
export const DESCRIBE: string = /* lua */ `
local base, room = KEYS[1], tonumber(ARGV[1])
${NOW}
${META}
local kind, passed, answer = redis.call('TYPE', base).ok, {}, { 0, '' }
for i = 3, #ARGV do passed[ARGV[i]] = true end
if kind == 'none' then return answer end
-- What is no hash at all is damage, in the place of all variants.
if kind ~= 'hash' then return { 0, '', '', 0, '', math.max(0, redis.call('PTTL', base)) } end
answer[2] = redis.call('HGET', base, '@') or ''
for _, variant in ipairs(redis.call('HKEYS', base)) do
  local first = string.sub(variant, 1, 1)
  local own = first ~= '!' and first ~= '@' and not passed[variant]
  local meta = own and parse(redis.call('HGET', base, '!' .. variant))
  if own and not (meta and meta.kind == 'm') then
    local length = redis.call('HSTRLEN', base, variant)
    if #answer > 2 and length > room then
      answer[1] = 1
      break
    end
    room = room - length
    local bytes = redis.call('HGET', base, variant)
    local a, b, c, d = string.byte(bytes, 17, 20)
    local metadata = d and ((a * 256 + b) * 256 + c) * 256 + d or 0
    if ${HEAD_BYTES} + metadata > length then metadata = 0 end
    -- What is sealed has no such length: of it only the id of the key, unless it is wanted whole.
    if string.byte(bytes) == 1 and string.byte(bytes, 2) == 1 then
      metadata = ARGV[2] == '1' and length or ${KEY_ID_BYTES}
    end
    if string.byte(bytes) ~= 2 then
      answer[#answer + 1] = variant
      answer[#answer + 1] = length
      answer[#answer + 1] = string.sub(bytes, 1, ${HEAD_BYTES} + metadata)
      answer[#answer + 1] = math.max(0, meta and meta.expires - now or redis.call('PTTL', base))
    end
  end
end
return answer
`;

/**
 * KEYS  leases, base; with `maxEntries` also entries and expiries
 * ARGV  variant, the fingerprint of what was seen, bytes, ttl in ms
 * Returns 1 replaced, 0 something else is there by now
 *
 * Leases stay: what a fill under way has made is newer.
 */
export const REPLACE: string = /* lua */ `
local base, entries, expiries = KEYS[2], KEYS[3], KEYS[4]
local variant, seen, bytes, ttl = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if redis.call('TYPE', base).ok ~= 'hash' then return 0 end
if string.sub(redis.call('HGET', base, variant) or '', 1, ${HEAD_BYTES}) ~= seen then return 0 end
${NOW}
${META}
${LISTED}
local expires = now + ttl
local known = 'r' .. instant(expires) .. ' ' .. string.sub(bytes, 1, ${HEAD_BYTES})
redis.call('HSET', base, variant, bytes, '!' .. variant, known)
local latest = expires
for _, key in ipairs(redis.call('HKEYS', base)) do
  local other = string.sub(key, 1, 1) == '!' and parse(redis.call('HGET', base, key))
  if other then
    -- The markers that lead to it last as long.
    if other.kind == 'm' and other.expires < expires then
      redis.call('HSET', base, key, 'm' .. instant(expires) .. ' ' .. other.print)
    end
    latest = math.max(latest, other.expires)
  end
end
redis.call('PEXPIREAT', base, instant(latest))
if entries then
  redis.call('ZADD', expiries, 'XX', expires, named(variant))
  for _, key in ipairs({ entries, expiries }) do
    if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
  end
end
return 1
`;
