const SECRET = /pass|secret|token|authorize|encrypt/i;

/** A bad option: the message names the option, the value and what is accepted. Thrown at construction only. */
export class OptionError extends TypeError {
  override readonly name = 'OptionError';
  readonly code = 'ERR_RRC_OPTION';
  /** The option's name, with a dot for a nested one: `vary.headers`. */
  readonly option: string;

  constructor(option: string, value: unknown, accepted: string) {
    super(
      `redisCache: option ${option} is ${SECRET.test(option) ? 'hidden' : show(value)}, but must be ${accepted}`,
    );
    this.option = option;
  }
}

/** A call of the cache's handle that the store did not carry out. Requests never see it. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code = 'ERR_RRC_STORE';
}

/** A purge that names nothing this cache could hold. */
export class PurgeError extends TypeError {
  override readonly name = 'PurgeError';
  readonly code = 'ERR_RRC_PURGE';
}

/** A value as a message shows it: short, and without what may be a secret. */
export function show(value: unknown): string {
  if (typeof value === 'function') return `a function${value.name ? ` (${value.name})` : ''}`;
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value);
  let text: string | undefined;
  try {
    text = JSON.stringify(value, function (this: Record<string, unknown>, name, json) {
      const raw = this[name];
      return raw instanceof Uint8Array ? `${raw.length} bytes` : json;
    });
  } catch {
    // Cyclic values have no JSON.
  }
  return hidden(text ?? String(value)).slice(0, 120);
}

/** 32 bytes in hex or base64. */
const KEY = /(?<![\w+/-])(?:[0-9a-f]{64}|[\w+/-]{43}=?)(?![\w+/=-])/gi;

/** The text without what may be credentials: all between a colon and an `@`, and values that are named, or look, so. */
function hidden(text: string): string {
  return text
    .replace(/:[^"]*@/g, ':***@')
    .replace(/("[^"]*(?:pass|secret|token|key)[^"]*":)"(?:[^"\\]|\\.)*"/gi, '$1"***"')
    .replace(KEY, '***');
}
