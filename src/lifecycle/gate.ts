import type { Exchange } from '../exchange/exchange.ts';
import type { Detail, Outcome } from '../observe/outcome.ts';
import type { Policy } from '../options/policy.ts';

/** Requests that no stored response answers, whatever is stored. */
export function gate(x: Exchange, policy: Policy): Outcome | undefined {
  if (!policy.methods.has(x.method)) return { kind: 'forward', fwd: 'method' };
  if (x.disguised) return bypass('method-override');
  if ((x.method === 'GET' || x.method === 'HEAD') && x.hasBody) return bypass('body');
  // "If-Match and If-Unmodified-Since conditional header fields are not applicable to a cache" (RFC 9111 §4.3.2).
  if (x.headers['if-match'] !== undefined || x.headers['if-unmodified-since'] !== undefined) {
    return bypass('precondition');
  }
  return undefined;
}

/** That a request is forwarded without a look, and the word for why. */
export function bypass(detail: Detail): Outcome {
  return { kind: 'forward', fwd: 'bypass', detail };
}
