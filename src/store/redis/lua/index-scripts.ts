import { NOW, sortedOrNothing } from './lua.ts';

/** The Lua behind the indexes of tags. All keys of one call are in one hash slot, and all are named in KEYS. */

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
