/** Lua that several scripts share. A block defines local names; a comment says which, and which it expects. */

/** Defines `time`, the reply of TIME, and `now`, the server's time in milliseconds. */
export const NOW: string = /* lua */ `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/** Defines `instant(n)`: a number as text. Lua would write a large one as 1.7e+12. */
export const INSTANT: string = /* lua */ `
local function instant(n) return string.format('%.0f', n) end
`;

/** No lease is longer than this many milliseconds. One that is has been damaged, or the server's clock has gone back. */
const MAX_LEASE_MS = 3_600_000;

/**
 * Defines `expiryOf(lease)`, and needs `now`. A field that is no lease has expired. A lease is "<expiry in ms>", then "+" if
 * anybody waits for its end and hears PUBLISH, "*" if anybody hears SPUBLISH, then " <token>".
 */
export const LEASE_EXPIRY: string = /* lua */ `
local function expiryOf(lease)
  local expiry = tonumber(string.match(lease, '^%d+')) or 0
  return expiry <= now + ${MAX_LEASE_MS} and expiry or 0
end
`;

/**
 * Deletes a key unless it is a hash. A key of a foreign type is overwritten: an error would keep the key from being cached
 * for ever. The UNLINK is conditional because after its first write a script may exceed maxmemory.
 */
export const deleteUnlessHash = (key: string): string => deleteUnless('hash', key);

/** Deletes a key unless it is a sorted set. */
export const deleteUnlessSortedSet = (key: string): string => deleteUnless('zset', key);

const deleteUnless = (type: string, key: string): string => /* lua */ `
do
  local keyType = redis.call('TYPE', ${key}).ok
  if keyType ~= '${type}' and keyType ~= 'none' then redis.call('UNLINK', ${key}) end
end
`;

/**
 * Defines `holdsLease`: whether the lease of `field` in `leases` is held by `token`; and `marks`, "+", "*" or both if anybody
 * waits for its end, or empty. Also defines `now` and `instant`.
 */
export const HOLDS_LEASE: string = /* lua */ `
${NOW}
${INSTANT}
-- A key of another type holds no lease.
local lease = redis.pcall('HGET', leases, field)
local expiry, marks, holder
if type(lease) == 'string' then expiry, marks, holder = string.match(lease, '^(%d+)([+*]*) (.*)$') end
expiry = holder == token and tonumber(expiry) or 0
local holdsLease = expiry > now and expiry <= now + ${MAX_LEASE_MS}
`;

/** Deletes `leases` when the cache key is all that is left in it. Redis deletes a hash that is empty. */
export const DELETE_EMPTY_LEASES: string = /* lua */ `
if redis.call('HLEN', leases) == 1 and redis.call('HEXISTS', leases, '@') == 1 then redis.call('UNLINK', leases) end
`;

/**
 * Tells the processes that wait for it that a lease has ended, and needs `marks`. In a Cluster, PUBLISH sends the message to all
 * nodes, and SPUBLISH to the replicas of the shard alone. Where the user may not publish, they look up instead.
 */
export const PUBLISH_END_OF_LEASE: string = /* lua */ `
if string.find(marks, '+', 1, true) then redis.pcall('PUBLISH', leases, '') end
if string.find(marks, '*', 1, true) then redis.pcall('SPUBLISH', leases, '') end
`;

/** Defines `marks` of all leases of an id, before they are deleted: how the processes that wait for one hear of it. */
export const MARKS: string = /* lua */ `
local marks = ''
if redis.call('TYPE', leases).ok == 'hash' then
  for _, text in ipairs(redis.call('HGETALL', leases)) do marks = marks .. (string.match(text, '^%d+([+*]+) ') or '') end
end
`;

/**
 * Defines functions about records, and needs `instant`. The record of a value, in the field !variant of `responses`, tells
 * scripts what they need to know without reading the value: "<kind><expiry in ms> <headBytes> <version>", where the kind is
 * "R" for a response and "M" for a marker. `recordText(kind, expires, headBytes, version)`. `recordOf(variant)`: the record, or nil.
 * `writeRecord(variant, kind, expires, headBytes, version)`. `isValue(field)`: whether a field of `responses` is a variant.
 */
export const RECORD: string = /* lua */ `
local function recordText(kind, expires, headBytes, version)
  return kind .. instant(expires) .. ' ' .. instant(headBytes) .. ' ' .. version
end
local function recordOf(variant)
  local record = redis.pcall('HGET', responses, '!' .. variant)
  if type(record) ~= 'string' then return nil end
  local kind, expires, headBytes, version = string.match(record, '^([RM])(%d+) (%d+) (.*)$')
  -- A number with more digits is not exact, and no instant.
  return kind and #expires < 16 and #headBytes < 16 and { kind = kind, expires = tonumber(expires), headBytes = tonumber(headBytes), version = version }
end
local function writeRecord(variant, kind, expires, headBytes, version)
  redis.call('HSET', responses, '!' .. variant, recordText(kind, expires, headBytes, version))
end
local function isValue(field)
  local first = string.sub(field, 1, 1)
  return first ~= '!' and first ~= '@'
end
`;

/**
 * Defines functions about the order of storing, which is kept with `maxEntries`: without it `entries` is nil.
 * `entryOf(variant)`: the name of a variant of `responses` in the order. `removeFromOrder(entry)`.
 * `deleteEntry(entry)`: deletes the value, too.
 */
export const STORING_ORDER: string = /* lua */ `
local function entryOf(variant) return responses .. '\\n' .. variant end
local function removeFromOrder(entry)
  if not entries then return end
  -- A key of another type is overwritten by the next commit.
  redis.pcall('ZREM', entries, entry)
  redis.pcall('ZREM', expiries, entry)
end
local function deleteEntry(entry)
  local key, variant = string.match(entry, '^(.*)\\n(.-)$')
  if key and redis.call('TYPE', key).ok == 'hash' then
    redis.call('HDEL', key, variant, '!' .. variant)
    if redis.call('HLEN', key) == redis.call('HEXISTS', key, '@') then redis.call('UNLINK', key) end
  end
  removeFromOrder(entry)
end
`;
