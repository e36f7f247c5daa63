import { NOW, sortedOrNothing } from './lua.ts';

/**
 * The Lua behind what spans cache keys: tags, and the order of storing. All keys of one call are in one hash slot,
 * and all are named in KEYS.
 */

const instant = (n: string): string => `string.format('%.0f', ${n})`;

/**
 * The next stamp: greater than every one before, even after the last was lost, as long as the clock goes forward.
 * KEYS  stamp
 * ARGV  ttl in ms
 */
export const STAMP: string = /* lua */ `
local time = redis.call('TIME')
local stamp = math.max((tonumber(redis.call('GET', KEYS[1])) or 0) + 1, time[1] * 1000000 + time[2])
redis.call('SET', KEYS[1], ${instant('stamp')}, 'PX', ARGV[1])
return ${instant('stamp')}
`;

/**
 * Notes that an id is about to be stored under a tag.
 * KEYS  tag, purged
 * ARGV  id, ttl in ms
 * Returns the stamp of the last purge of the tag
 */
export const TAG: string = /* lua */ `
local tag, purged, id, ttl = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2])
${NOW}
${sortedOrNothing('tag')}
redis.call('ZREMRANGEBYSCORE', tag, '-inf', now)
redis.call('ZADD', tag, 'GT', now + ttl, id)
if redis.call('PTTL', tag) < ttl then redis.call('PEXPIRE', tag, ttl) end
local stamp = redis.pcall('GET', purged)
return type(stamp) == 'string' and stamp or '0'
`;

/**
 * Begins a purge: from now on no fill that began before its stamp is stored under the tag. What is, is put aside for
 * this purge to work off, since what comes under the tag from now on is not its business; unless all of it stays.
 * KEYS  tag, purged, purges, aside
 * ARGV  stamp, how many ms the stamp is kept, 1 to leave everything where it is
 * Returns the stamps of the purges that have something put aside, this and others that may never have ended
 */
export const PURGE_TAG: string = /* lua */ `
local tag, purged, purges, aside = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local stamp, ttl, stay = ARGV[1], ARGV[2], ARGV[3]
local last = redis.pcall('GET', purged)
last = type(last) == 'string' and tonumber(last) or 0
if last < tonumber(stamp) then redis.call('SET', purged, stamp, 'PX', ttl) end
${sortedOrNothing('tag')}
-- A script that is sent again, since its answer was lost with a connection, has put it aside already.
if stay ~= '1' and redis.call('EXISTS', tag) == 1 and redis.call('EXISTS', aside) == 0 then
  redis.call('RENAME', tag, aside)
  redis.call('ZADD', purges, stamp, stamp)
  redis.call('PEXPIRE', purges, math.max(redis.call('PTTL', purges), redis.call('PTTL', aside)))
end
return redis.call('ZRANGE', purges, 0, -1)
`;

/**
 * Ends one: nothing that was put aside is left.
 * KEYS  purges, aside
 * ARGV  stamp
 */
export const PURGED: string = /* lua */ `
redis.call('ZREM', KEYS[1], ARGV[1])
return redis.call('UNLINK', KEYS[2])
`;

/**
 * Takes the next place in the order of storing, and puts aside what is one too many. Places are never given twice.
 * KEYS  entries, expiries, leaving
 * ARGV  what is about to be stored, its ttl in ms, how many there may be, after how many ms somebody else has to see
 *       to it that what was put aside goes
 * Returns its place, then what has to go first, each behind its place
 */
export const ENTER: string = /* lua */ `
local entries, expiries, leaving = KEYS[1], KEYS[2], KEYS[3]
local entry, ttl, max, patience = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
${sortedOrNothing('entries')}
${sortedOrNothing('expiries')}
${sortedOrNothing('leaving')}
${NOW}
for _, expired in ipairs(redis.call('ZRANGEBYSCORE', expiries, '-inf', now, 'LIMIT', 0, 1000)) do
  redis.call('ZREM', entries, expired)
  redis.call('ZREM', expiries, expired)
end
local last = redis.call('ZRANGE', entries, -1, -1, 'WITHSCORES')[2]
local order = math.max((tonumber(last) or 0) + 1, time[1] * 1000000 + time[2])
redis.call('ZADD', entries, order, entry)
redis.call('ZADD', expiries, now + ttl, entry)
local answer = redis.call('ZRANGEBYSCORE', leaving, '-inf', now - patience, 'LIMIT', 0, 100)
local over = redis.call('ZCARD', entries) - max
if over > 0 then
  local oldest = redis.call('ZRANGE', entries, 0, over - 1, 'WITHSCORES')
  for i = 1, #oldest, 2 do
    local left = ${instant('tonumber(oldest[i + 1])')} .. '\\n' .. oldest[i]
    redis.call('ZREM', entries, oldest[i])
    redis.call('ZREM', expiries, oldest[i])
    redis.call('ZADD', leaving, now, left)
    answer[#answer + 1] = left
  end
end
-- What was put aside may stay stored for longer than what came in its place.
local least = math.max(ttl, redis.call('PTTL', entries))
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < least then redis.call('PEXPIRE', key, least) end
end
table.insert(answer, 1, ${instant('order')})
return answer
`;

/**
 * What was put aside is gone.
 * KEYS  leaving
 * ARGV  as it was given
 */
export const GONE: string = /* lua */ `
for _, gone in ipairs(ARGV) do redis.call('ZREM', KEYS[1], gone) end
return 1
`;

/**
 * Gives places back: what was there is no longer stored.
 * KEYS  entries, expiries
 * ARGV  places
 */
export const LEAVE: string = /* lua */ `
for _, order in ipairs(ARGV) do
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], order, order)) do
    redis.call('ZREM', KEYS[1], entry)
    redis.call('ZREM', KEYS[2], entry)
  end
end
return 1
`;

/**
 * What has this place is stored for another time than was said.
 * KEYS  entries, expiries
 * ARGV  place, ttl in ms
 */
export const PROLONG: string = /* lua */ `
local entries, expiries, order, ttl = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2])
${NOW}
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', entries, order, order)) do
  redis.call('ZADD', expiries, 'XX', now + ttl, entry)
end
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
end
return 1
`;
