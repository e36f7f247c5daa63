import { deleteUnlessSortedSet, INSTANT, NOW } from './shared.ts';

/** The scripts about the indexes of tags. All keys of one call are in one hash slot, and all are named in KEYS. */

/**
 * The next stamp. It is greater than every stamp before, even after the last one was lost, unless the clock goes back.
 * KEYS  stamp
 * ARGV  ttl in ms
 */
export const NEXT_STAMP: string = /* lua */ `
local key, ttl = KEYS[1], ARGV[1]
${INSTANT}
local time = redis.call('TIME')
local stamp = math.max((tonumber(redis.call('GET', key)) or 0) + 1, time[1] * 1000000 + time[2])
redis.call('SET', key, instant(stamp), 'PX', ttl)
return instant(stamp)
`;

/**
 * Adds an id whose response is about to be stored under a tag.
 * KEYS  tag, purged
 * ARGV  id; ttl in ms
 * Returns the stamp of the last purge of the tag
 */
export const ADD_TO_TAG: string = /* lua */ `
local tag, purged, id, ttl = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2])
${NOW}
${deleteUnlessSortedSet('tag')}
redis.call('ZREMRANGEBYSCORE', tag, '-inf', now)
redis.call('ZADD', tag, 'GT', now + ttl, id)
if redis.call('PTTL', tag) < ttl then redis.call('PEXPIRE', tag, ttl) end
local stamp = redis.pcall('GET', purged)
return type(stamp) == 'string' and stamp or '0'
`;

/**
 * Begins a purge: from now on, the response of a fill that began before the stamp is not stored under the tag. A hard
 * purge sets the index aside and works it off; ids that are added later are not its business.
 * KEYS  tag, purged, purges, aside
 * ARGV  stamp; ttl of the stamp in ms; soft, 1 for a soft purge, which leaves the index in place
 * Returns the stamps of the purges that have ids set aside: this one, and others that may never have ended
 */
export const BEGIN_TAG_PURGE: string = /* lua */ `
local tag, purged, purges, aside = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local stamp, ttl, soft = ARGV[1], ARGV[2], ARGV[3]
local last = redis.pcall('GET', purged)
last = type(last) == 'string' and tonumber(last) or 0
if last < tonumber(stamp) then redis.call('SET', purged, stamp, 'PX', ttl) end
${deleteUnlessSortedSet('tag')}
-- When the script is sent again, since its reply was lost with a connection, the index is set aside already.
if soft ~= '1' and redis.call('EXISTS', tag) == 1 and redis.call('EXISTS', aside) == 0 then
  redis.call('RENAME', tag, aside)
  redis.call('ZADD', purges, stamp, stamp)
  redis.call('PEXPIRE', purges, math.max(redis.call('PTTL', purges), redis.call('PTTL', aside)))
end
return redis.call('ZRANGE', purges, 0, -1)
`;

/**
 * Ends a purge: all ids that it had set aside are purged.
 * KEYS  purges, aside
 * ARGV  stamp
 */
export const END_TAG_PURGE: string = /* lua */ `
local purges, aside, stamp = KEYS[1], KEYS[2], ARGV[1]
redis.call('ZREM', purges, stamp)
return redis.call('UNLINK', aside)
`;
