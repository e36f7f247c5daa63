import { MAX_SPECS } from '../../marker.ts';
import { MAX_VARIANTS } from '../../store.ts';
import { MARKER_VERSION } from '../../version.ts';
import { ENVELOPE } from '../envelope.ts';
import {
  DELETE_EMPTY_LEASES,
  deleteUnlessHash,
  deleteUnlessSortedSet,
  HOLDS_LEASE,
  INSTANT,
  MARKS,
  NOW,
  PUBLISH_END_OF_LEASE,
  RECORD,
  STORING_ORDER,
} from './shared.ts';
import { IS_PURGED } from './tags.ts';

/**
 * The scripts that change stored responses. All keys of one call are in one hash slot, and all are named in KEYS. With
 * `maxEntries` a script also gets the two keys of the order of storing, `entries` and `expiries`.
 */

/**
 * Stores the response of a fill and releases its lease. A response that does not vary is stored at `declaredVariant`.
 * Once a response varies, a marker is there, which lists the field names, and every response is stored at `variant`.
 * The value is an argument, or staged: it has been written to a key of its own, which becomes that of the responses, so
 * that Lua copies nothing. That needs an id without responses.
 * KEYS  leases, responses; entries and expiries with `max`; the purge log if there are tags; staging if the value is staged
 * ARGV  field, the variant that is leased; token; value in its envelope; headBytes; ttl in ms; names, the nominated field names;
 *       declaredVariant; variant; name, the cache key if the id is a hash; max, the most entries, or 0; staged, the length of the
 *       staged value, or 0; noted, the state of the purge log that the lease noted; then the tags, where this script may touch
 *       the log
 * Returns 1 stored, 0 the lease is no longer held, or a tag may have been purged; where the value must be an argument, 2 if it is not
 *         at the staging key, 3 if the id has responses by now
 */
export const COMMIT: string = /* lua */ `
local leases, responses = KEYS[1], KEYS[2]
local field, token, value, headBytes, ttl = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local names, declaredVariant, variant, name, max = ARGV[6], ARGV[7], ARGV[8], ARGV[9], tonumber(ARGV[10])
local staged = tonumber(ARGV[11])
local entries, expiries
if max > 0 then entries, expiries = KEYS[3], KEYS[4] end
local staging = staged > 0 and KEYS[#KEYS]
${HOLDS_LEASE}
local mayStore = holdsLease
if holdsLease and #ARGV > 12 then
  ${IS_PURGED}
  mayStore = not isPurged(KEYS[staging and #KEYS - 1 or #KEYS], ARGV[12], 13)
end
if not mayStore then
  if staging then redis.call('UNLINK', staging) end
  return 0
end
local isFirst = redis.call('EXISTS', responses) == 0
if staging then
  local length = isFirst and redis.pcall('HSTRLEN', staging, names == '' and declaredVariant or variant)
  if length ~= staged then
    redis.call('UNLINK', staging)
    return isFirst and 2 or 3
  end
  redis.call('RENAME', staging, responses)
end
local latest = now + ttl
if isFirst and names == '' and not entries then
  -- The first response of the id, which does not vary.
  local expires = instant(latest)
  local record = 'R' .. expires .. ' ' .. ARGV[4] .. ' ' .. token
  if staging then
    redis.call('HSET', responses, '!' .. declaredVariant, record)
  else
    redis.call('HSET', responses, declaredVariant, value, '!' .. declaredVariant, record)
  end
  if name ~= '' then redis.call('HSET', responses, '@', name) end
  redis.call('PEXPIREAT', responses, expires)
else
  ${RECORD}
  ${ENVELOPE}
  ${STORING_ORDER}
  ${deleteUnlessHash('responses')}
  local storedAt = declaredVariant
  local there = recordOf(declaredVariant)
  local hasMarker = there and there.kind == 'M'
  if hasMarker or names ~= '' then
    storedAt = variant
    local specs, count = names, 1
    if hasMarker then
      local marker = redis.call('HGET', responses, declaredVariant) or ''
      marker = string.sub(marker, (envelopeLength(marker) or #marker) + 1)
      for spec in string.gmatch(marker .. '\\n', '(.-)\\n') do
        if spec ~= names and count < ${MAX_SPECS} then
          specs = specs .. '\\n' .. spec
          count = count + 1
        end
      end
    end
    removeFromOrder(entryOf(declaredVariant))
    local expires = math.max(latest, hasMarker and there.expires or 0)
    local record = recordText('M', expires, 0, '${MARKER_VERSION}')
    redis.call('HSET', responses, declaredVariant, enclosedMarker(specs), '!' .. declaredVariant, record)
  end
  if not staging then redis.call('HSET', responses, storedAt, value) end
  writeRecord(storedAt, 'R', latest, headBytes, token)
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
    local last = tonumber(redis.call('ZRANGE', entries, -1, -1, 'WITHSCORES')[2]) or 0
    if last >= 2 ^ 53 then
      -- No place in the order: the next one would not be greater.
      redis.call('ZREMRANGEBYSCORE', entries, 2 ^ 53, '+inf')
      last = tonumber(redis.call('ZRANGE', entries, -1, -1, 'WITHSCORES')[2]) or 0
    end
    local order = math.max(last + 1, time[1] * 1000000 + time[2])
    redis.call('ZADD', entries, order, entryOf(storedAt))
    redis.call('ZADD', expiries, now + ttl, entryOf(storedAt))
    local expired = redis.call('ZRANGEBYSCORE', expiries, '-inf', now, 'LIMIT', 0, 1000)
    for _, entry in ipairs(expired) do deleteEntry(entry) end
    while redis.call('ZCARD', entries) > max do deleteEntry(redis.call('ZRANGE', entries, 0, 0)[1]) end
    for _, key in ipairs({ entries, expiries }) do
      if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
    end
  end
end
redis.call('HDEL', leases, field, '!' .. field)
if name ~= '' then
  ${DELETE_EMPTY_LEASES}
end
${PUBLISH_END_OF_LEASE}
return 1
`;

/**
 * Makes a key that expires soon, for a value that is about to be staged.
 * KEYS  staging
 * ARGV  variant; ttl in ms
 */
export const OPEN_STAGING: string = /* lua */ `
redis.call('HSET', KEYS[1], ARGV[1], '')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`;

/**
 * Stores a value under the empty variant in place of all values of the id, and revokes its leases.
 * KEYS  leases, responses; entries, expiries
 * ARGV  version; value in its envelope; headBytes; ttl in ms; name, the cache key if the id is a hash
 */
export const PUT: string = /* lua */ `
local leases, responses, entries, expiries = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local version, value, headBytes, ttl, name = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
${NOW}
${INSTANT}
${RECORD}
${ENVELOPE}
${STORING_ORDER}
${deleteUnlessHash('responses')}
-- The first write, so that Redis refuses it beyond maxmemory.
redis.call('HSET', responses, '', value)
writeRecord('', 'R', now + ttl, headBytes, version)
for _, field in ipairs(redis.call('HKEYS', responses)) do
  removeFromOrder(entryOf(field))
  if field ~= '' and field ~= '!' and field ~= '@' then redis.call('HDEL', responses, field) end
end
${MARKS}
redis.call('UNLINK', leases)
if name ~= '' then redis.call('HSET', responses, '@', name) end
redis.call('PEXPIRE', responses, ttl)
${PUBLISH_END_OF_LEASE}
return 1
`;

/**
 * Replaces a value that has not changed. Leases stay: the response of a fill in progress is newer.
 * KEYS  leases, responses; entries, expiries
 * ARGV  variant; version of the value to replace; newValue in its envelope; headBytes; ttl in ms
 * Returns 1 replaced, 0 changed
 */
export const REPLACE: string = /* lua */ `
local responses, entries, expiries = KEYS[2], KEYS[3], KEYS[4]
local variant, version, newValue, headBytes, ttl = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
${NOW}
${INSTANT}
${RECORD}
${ENVELOPE}
${STORING_ORDER}
if redis.call('TYPE', responses).ok ~= 'hash' then return 0 end
if versionIn(redis.call('HGET', responses, variant) or '') ~= version then return 0 end
local expires = now + ttl
redis.call('HSET', responses, variant, newValue)
writeRecord(variant, 'R', expires, headBytes, versionIn(newValue))
local latest = expires
for _, key in ipairs(redis.call('HKEYS', responses)) do
  local other = string.sub(key, 1, 1) == '!' and recordOf(string.sub(key, 2))
  if other then
    -- The markers that lead to the value must not expire before it.
    if other.kind == 'M' and other.expires < expires then
      writeRecord(string.sub(key, 2), 'M', expires, other.headBytes, other.version)
    end
    latest = math.max(latest, other.expires)
  end
end
redis.call('PEXPIREAT', responses, instant(latest))
if entries then
  -- A key of another type is overwritten by the next commit.
  redis.pcall('ZADD', expiries, 'XX', expires, entryOf(variant))
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
 * Purges all values of an id, and revokes its leases. A soft purge marks the responses, leaves the markers, and deletes
 * what it cannot mark: damage, and values of version 0.1.0.
 * KEYS  leases, responses; entries, expiries
 * ARGV  staleMark, of a soft purge; empty to delete
 * Returns how many responses were purged
 */
export const PURGE: string = /* lua */ `
local leases, responses, entries, expiries = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local staleMark = ARGV[1]
${INSTANT}
${RECORD}
${ENVELOPE}
${STORING_ORDER}
local purged = 0
${MARKS}
-- The first write, which needs no memory: after it, the script may exceed maxmemory.
redis.call('UNLINK', leases)
if redis.call('TYPE', responses).ok == 'hash' then
  for _, variant in ipairs(redis.call('HKEYS', responses)) do
    if isValue(variant) then
      local record = recordOf(variant)
      if staleMark == '' then
        if record and record.kind == 'R' then purged = purged + 1 end
        removeFromOrder(entryOf(variant))
      else
        local value = redis.call('HGET', responses, variant)
        local kind = envelopeLength(value) and string.sub(value, 1, 1)
        if not kind then
          redis.call('HDEL', responses, variant, '!' .. variant)
          removeFromOrder(entryOf(variant))
        elseif kind == RESPONSE and not isMarked(value) then
          -- A response that is marked already is stale since its first soft purge.
          purged = purged + 1
          local marked = withMark(value, staleMark)
          redis.call('HSET', responses, variant, marked)
          if record then writeRecord(variant, 'R', record.expires, record.headBytes, versionIn(marked)) end
        end
      end
    end
  end
end
if staleMark == '' then redis.call('UNLINK', responses) end
${PUBLISH_END_OF_LEASE}
return purged
`;
