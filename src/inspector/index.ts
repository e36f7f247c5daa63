import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Next } from '../options/types.ts';
import { actionsOf, type Inspected } from './actions.ts';
import { Live } from './live.ts';
import { routerOf } from './router.ts';
import { type InspectorOptions, parseInspector } from './settings.ts';

/** A console for a cache, to look at what it does and to operate what it has stored: `redis-response-cache/inspector`. */

export type { InspectorOptions } from './settings.ts';

/**
 * A page behind your own authorization, for Express and Connect: `app.use('/cache', inspector(cache, { authorize }))`.
 * It shows what this process does, live, and what all have stored; and it purges, edits, warms and explains. Mount it in
 * front of the cache, so that its own requests are none of the cache's.
 * @throws {OptionError} for a bad option, and without `authorize`.
 */
export function inspector(
  cache: Inspected,
  options: InspectorOptions,
): (req: IncomingMessage, res: ServerResponse, next: Next) => void {
  const settings = parseInspector(options);
  return routerOf(settings, actionsOf(cache, settings, new Live(cache)), cache.stats().cache);
}
