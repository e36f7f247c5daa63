/**
 * Runs every command that storing, and purging by tag, need on a key that does not exist, so that nothing changes.
 * KEYS  probe
 * ARGV  order, 1 where the order of storing is kept
 * Returns the commands that the user may not run
 */
export const PROBE: string = /* lua */ `
local probe, order, missing = KEYS[1], ARGV[1], {}
local function try(...)
  local reply = redis.pcall(...)
  local message = type(reply) == 'table' and reply.err
  local isMissing = message and (string.find(message, "can't run this command", 1, true) or string.find(message, 'NOPERM', 1, true)
    or string.find(message, 'ACL failure', 1, true))
  if isMissing then missing[#missing + 1] = (...) end
end
try('TIME')
for _, command in ipairs({ 'TYPE', 'EXISTS', 'PTTL', 'UNLINK', 'HLEN', 'HKEYS', 'HGETALL' }) do try(command, probe) end
for _, command in ipairs({ 'HGET', 'HMGET', 'HEXISTS', 'HDEL' }) do try(command, probe, '') end
try('PEXPIRE', probe, 1)
try('PEXPIREAT', probe, 1)
-- What is stored must be found by its tags: a purge that is stopped half-way would lose the index.
try('ZRANGE', probe, 0, 0)
try('ZREMRANGEBYSCORE', probe, 0, 0)
try('ZADD', probe, 'XX', 0, '')
try('RENAME', probe, probe)
if order == '1' then
  try('ZCARD', probe)
  try('ZREM', probe, '')
  try('ZRANGEBYSCORE', probe, 0, 0)
end
-- The key that HSET writes is deleted at once: the user may run UNLINK.
if #missing == 0 then
  try('HSET', probe, '', '')
  redis.call('UNLINK', probe)
end
return missing
`;
