import { deleteUnlessSortedSet, INSTANT, NOW } from './shared.ts';

/**
 * The scripts about tags. All keys of one call are in one hash slot, and all are named in KEYS.
 *
 * The purge log is one hash: for each tag ":<tag>" the stamp of its last purge, and in "@" the state of the log, "<epoch>
 * <base> <last>". `epoch` names this log: a log that was lost and made anew has another. `last` is the stamp of the last
 * purge. `base` is the stamp of the last purge that the log has forgotten, or the one that it began with. A lease notes the
 * state when it is given. A response is stored under a tag only if the log still has the epoch of its lease, and neither
 * `base` nor the stamp of the tag is greater than the `last` that its lease noted. So a log that Redis has evicted, or
 * that a failover has lost, revokes fills; it never lets an old one pass.
 */

/** For this many milliseconds after its last purge, the log is kept. The fills under way at its end are not stored under a tag. */
const LOG_TTL_MS = 24 * 3_600_000;
/** The log forgets all tags when it has more than this. Fills that began before the last purge are revoked. */
const MAX_LOGGED_TAGS = 10_000;

/**
 * Defines `stateOf(log)`: the state of the log, and its epoch, base and last; nil if the log is lost or damaged.
 */
const LOG_STATE = /* lua */ `
local function parseState(state)
  if type(state) ~= 'string' then return nil end
  local epoch, base, last = string.match(state, '^(%S+) (%d+) (%d+)$')
  -- A number with more digits is not exact.
  if not epoch or #base > 16 or #last > 16 then return nil end
  return state, epoch, tonumber(base), tonumber(last)
end
local function stateOf(log) return parseState(redis.pcall('HGET', log, '@')) end
`;

/**
 * Defines `nextStamp(last)`, which needs `time`: greater than `last`, and than the stamps of a master whose last writes a
 * failover has lost.
 */
const NEXT_STAMP = /* lua */ `
local function nextStamp(last) return math.max(last + 1, time[1] * 1000000 + time[2]) end
`;

/**
 * Sets `state` to the state of the log, and needs `log`, `time` and `instant`. A log that is lost or damaged is made anew.
 * @param epoch the local name that holds the epoch of a new log.
 */
export const openLog = (epoch: string): string => /* lua */ `
do
  local base, last
  state = redis.pcall('HGET', log, '@')
  if type(state) == 'string' then base, last = string.match(state, '^%S+ (%d+) (%d+)$') end
  if not base or #base > 16 or #last > 16 then
    ${NEXT_STAMP}
    local stamp = instant(nextStamp(0))
    state = ${epoch} .. ' ' .. stamp .. ' ' .. stamp
    -- The UNLINK is conditional because after its first write a script may exceed maxmemory.
    if redis.call('EXISTS', log) == 1 then redis.call('UNLINK', log) end
    redis.call('HSET', log, '@', state)
    redis.call('PEXPIRE', log, ${LOG_TTL_MS})
  end
end
`;

/**
 * Defines `isPurged(log, noted, from)`: whether a tag of ARGV, from the index `from` on, may have been purged since a lease
 * noted the state of the log.
 */
export const IS_PURGED: string = /* lua */ `
${LOG_STATE}
local function isPurged(log, noted, from)
  local _, epoch, _, last = parseState(noted)
  local fields = { '@' }
  for i = from, #ARGV do fields[#fields + 1] = ':' .. ARGV[i] end
  local reply = redis.pcall('HMGET', log, unpack(fields))
  local _, currentEpoch, base = parseState(reply[1])
  if not epoch or currentEpoch ~= epoch or base > last then return true end
  for i = 2, #fields do
    if reply[i] and (tonumber(reply[i]) or math.huge) > last then return true end
  end
  return false
end
`;

/**
 * Reads the state of the log for a lease in another slot.
 * KEYS  log
 * ARGV  epoch of the log if it is lost
 */
export const READ_LOG: string = /* lua */ `
local log, epoch = KEYS[1], ARGV[1]
${NOW}
${INSTANT}
local state
${openLog('epoch')}
return state
`;

/**
 * Reads the log for a commit in another slot.
 * KEYS  log
 * ARGV  noted, the state of the log that the lease noted; then the tags
 * Returns 1 if a tag may have been purged, 0 if not
 */
export const CHECK_LOG: string = /* lua */ `
local log, noted = KEYS[1], ARGV[1]
${IS_PURGED}
return isPurged(log, noted, 2) and 1 or 0
`;

/**
 * Begins a purge: from now on, the response of a fill that began before is not stored under the tag.
 * KEYS  log
 * ARGV  tag; epoch of the log if it is lost
 */
export const LOG_PURGE: string = /* lua */ `
local log, tag, epoch = KEYS[1], ARGV[1], ARGV[2]
${NOW}
${INSTANT}
${LOG_STATE}
${NEXT_STAMP}
local state, currentEpoch, base, last = stateOf(log)
-- After its first write, a script may exceed maxmemory: a full server does not refuse a purge.
if state and redis.call('HLEN', log) <= ${MAX_LOGGED_TAGS} then
  redis.call('HDEL', log, '')
else
  redis.call('UNLINK', log)
  base = last or nextStamp(0)
end
local stamp = nextStamp(last or base)
redis.call('HSET', log, ':' .. tag, instant(stamp), '@', (currentEpoch or epoch) .. ' ' .. instant(base) .. ' ' .. instant(stamp))
redis.call('PEXPIRE', log, ${LOG_TTL_MS})
return 1
`;

/**
 * Adds an id whose response is about to be stored under a tag.
 * KEYS  tag
 * ARGV  id; ttl in ms
 */
export const ADD_TO_TAG: string = /* lua */ `
local tag, id, ttl = KEYS[1], ARGV[1], tonumber(ARGV[2])
${NOW}
${deleteUnlessSortedSet('tag')}
redis.call('ZREMRANGEBYSCORE', tag, '-inf', now)
redis.call('ZADD', tag, 'GT', now + ttl, id)
if redis.call('PTTL', tag) < ttl then redis.call('PEXPIRE', tag, ttl) end
return 1
`;

/**
 * Finds what a purge has to purge. A hard purge sets the index aside and works it off; ids that are added later are not
 * among them.
 * KEYS  tag, purges, aside
 * ARGV  purge, the name of the purge; soft, 1 for a soft purge, which leaves the index in place
 * Returns the names of the purges that have ids set aside: this one, and others that may never have ended
 */
export const BEGIN_TAG_PURGE: string = /* lua */ `
local tag, purges, aside = KEYS[1], KEYS[2], KEYS[3]
local purge, soft = ARGV[1], ARGV[2]
${deleteUnlessSortedSet('tag')}
${deleteUnlessSortedSet('purges')}
-- When the script is sent again, since its reply was lost with a connection, the index is set aside already.
if soft ~= '1' and redis.call('EXISTS', tag) == 1 and redis.call('EXISTS', aside) == 0 then
  -- The first write, which needs no memory: after it, the script may exceed maxmemory.
  redis.call('RENAME', tag, aside)
  redis.call('ZADD', purges, 0, purge)
  redis.call('PEXPIRE', purges, math.max(redis.call('PTTL', purges), redis.call('PTTL', aside)))
end
return redis.call('ZRANGE', purges, 0, -1)
`;

/**
 * Ends a purge: all ids that it had set aside are purged.
 * KEYS  purges, aside
 * ARGV  purge
 */
export const END_TAG_PURGE: string = /* lua */ `
local purges, aside, purge = KEYS[1], KEYS[2], ARGV[1]
redis.pcall('ZREM', purges, purge)
return redis.call('UNLINK', aside)
`;
