import { ENVELOPE } from '../envelope.ts';
import { INSTANT, NOW, RECORD } from './shared.ts';

/** The scripts behind the inventory. All keys of one call are in one hash slot, and all are named in KEYS. */

/**
 * KEYS  any key of the server that is asked
 * Returns the server's time: seconds since 1970, and microseconds
 */
export const TIME = "return redis.call('TIME')";

/**
 * Describes the values of an id, without markers. Redis cannot read a part of a field, so each value is copied within the
 * server, but only its head is sent.
 * KEYS  responses
 * ARGV  room, how many bytes may be read, of one value more if need be; whole, 1 to return values whole; then the variants
 *       to leave out
 * Returns 1 if there is more to come or 0, the cache key if the id is a hash, and for each value its variant, its length
 *         with the envelope, the envelope with the head, and after how many ms it expires
 */
export const DESCRIBE: string = /* lua */ `
local responses, room, whole = KEYS[1], tonumber(ARGV[1]), ARGV[2] == '1'
${NOW}
${INSTANT}
${RECORD}
${ENVELOPE}
local keyType, leftOut, reply = redis.call('TYPE', responses).ok, {}, { 0, '' }
for i = 3, #ARGV do leftOut[ARGV[i]] = true end
if keyType == 'none' then return reply end
-- A key of another type is damage in place of all variants.
if keyType ~= 'hash' then return { 0, '', '', 0, '', math.max(0, redis.call('PTTL', responses)) } end
reply[2] = redis.call('HGET', responses, '@') or ''
for _, variant in ipairs(redis.call('HKEYS', responses)) do
  local isDescribed = isValue(variant) and not leftOut[variant]
  local record = isDescribed and recordOf(variant)
  if isDescribed and not (record and record.kind == 'M') then
    local length = redis.call('HSTRLEN', responses, variant)
    if #reply > 2 and length > room then
      reply[1] = 1
      break
    end
    room = room - length
    local value = redis.call('HGET', responses, variant)
    if string.sub(value, 1, 1) ~= MARKER then
      -- Without a record, nothing tells where the head ends.
      local headBytes = (whole or not record) and length or record.headBytes
      reply[#reply + 1] = variant
      reply[#reply + 1] = length
      reply[#reply + 1] = string.sub(value, 1, (envelopeLength(value) or 0) + headBytes)
      reply[#reply + 1] = math.max(0, record and record.expires - now or redis.call('PTTL', responses))
    end
  end
end
return reply
`;
