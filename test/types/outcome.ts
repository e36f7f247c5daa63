/* Checked by `tsc`, never run: the compiler knows every word of `detail`. An unused directive is an error, too. */

import type { CacheDetail, CacheOutcome } from '../../src/observe/outcome.ts';
import { Fault } from '../../src/store/fault.ts';

export const known: CacheDetail[] = [
  'no-store',
  'fill-under-way',
  'depends-on-credentials',
  'depends-on-credentials: req.user',
  'varies',
  'varies: req.session',
  'verifying',
  'credentials',
  'shadow: hit',
  'OOM',
  new Fault('timeout', 'no reply').code,
];

// @ts-expect-error: a typing error.
export const misspelt: CacheDetail = 'no-stroe';

// @ts-expect-error: what `personal` was.
export const former: CacheDetail = 'personal: req.user';

// @ts-expect-error: it stands for all codes of Redis in the documentation, and is no detail itself.
export const generic: CacheDetail = 'redis-error';

// @ts-expect-error: the code of an error begins with a letter.
export const empty: CacheDetail = '';

// @ts-expect-error: no free string is a detail.
export const free = (text: string): CacheOutcome => ({ kind: 'forward', fwd: 'bypass', detail: text });

// @ts-expect-error: a fault has a code that `detail` knows.
export const fault: Fault = new Fault('slow', 'no reply');

export function branches({ detail }: CacheOutcome): boolean {
  // @ts-expect-error: a branch on a word that no outcome has.
  return detail === 'stale-if-eror';
}
