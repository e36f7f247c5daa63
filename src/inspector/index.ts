import type { IncomingMessage, ServerResponse } from 'node:http';
import { assertCache } from '../errors.ts';
import type { CacheRequest, CacheResponse, Next, NodeRequest, NodeResponse } from '../options/request.ts';
import { createActions, type InspectedCache } from './actions.ts';
import { Live } from './live.ts';
import { createRouter } from './router.ts';
import { type InspectorOptions, parseInspectorOptions } from './settings.ts';

/** `redis-response-cache/inspector`: a web page that shows what a cache does and stores, and operates it. */

export type { InspectorOptions } from './settings.ts';

/**
 * Creates the middleware for Express and Connect that serves the inspector:
 * `app.use('/cache', inspector(cache, { authorize }))`.
 * The page shows live figures of this process and the stored responses of all processes. It purges, edits, warms and
 * explains. Mount it in front of the cache, so that the cache does not count its requests.
 * @throws {OptionError} for a bad option, and when `authorize` is missing. @throws {ArgumentError} if it is not a cache.
 */
export function inspector<Req extends NodeRequest = CacheRequest, Res extends NodeResponse = CacheResponse>(
  cache: InspectedCache,
  options: NoInfer<InspectorOptions<Req, Res>>,
): (req: IncomingMessage, res: ServerResponse, next: Next) => void {
  assertCache('inspector', cache, ['stats', 'on', 'purge', 'warm', 'explain']);
  const settings = parseInspectorOptions(options);
  const actions = createActions(cache, settings, new Live(cache));
  return createRouter(settings, actions, cache.stats().cache);
}
