/** Lua that several scripts begin with. */

export const NOW: string = /* lua */ `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

// What is no lease at all has expired.
export const EXPIRY: string = /* lua */ `
local function expiry(held) return tonumber(string.match(held, '^%d+')) or 0 end
`;

// A key of a type that is not ours is overwritten, never an error that would keep a place from being cached. There
// is no DEL where there is none: after its first write, whatever it was, a script may write beyond maxmemory.
export const hashOrNothing = (key: string): string => /* lua */ `
do
  local kind = redis.call('TYPE', ${key}).ok
  if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', ${key}) end
end
`;

export const HOLDS: string = /* lua */ `
${NOW}
${EXPIRY}
local held = redis.call('TYPE', leases).ok == 'hash' and redis.call('HGET', leases, field)
local holds = held and string.match(held, ' (.*)$') == token and expiry(held) > now
`;

// Wakes the processes that wait for a place. Who may not publish has them find out by themselves.
export const WAKE: string = /* lua */ `
redis.pcall('PUBLISH', leases, field)
`;

export const META: string = /* lua */ `
local function instant(n) return string.format('%.0f', n) end
local function parse(meta)
  if not meta then return nil end
  local kind, expires, print = string.match(meta, '^([rm])(%d+) (.*)$')
  return kind and { kind = kind, expires = tonumber(expires), print = print }
end
`;

// The order of storing, with `maxEntries`: without it `entries` is nil.
export const LISTED: string = /* lua */ `
local function named(variant) return base .. '\\n' .. variant end
local function unlist(entry)
  if not entries then return end
  redis.call('ZREM', entries, entry)
  redis.call('ZREM', expiries, entry)
end
local function drop(entry)
  local key, variant = string.match(entry, '^(.*)\\n(.-)$')
  if key and redis.call('TYPE', key).ok == 'hash' then
    redis.call('HDEL', key, variant, '!' .. variant)
    if redis.call('HLEN', key) == redis.call('HEXISTS', key, '@') then redis.call('UNLINK', key) end
  end
  unlist(entry)
end
`;

export const sortedOrNothing = (key: string): string => /* lua */ `
do
  local kind = redis.call('TYPE', ${key}).ok
  if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', ${key}) end
end
`;
