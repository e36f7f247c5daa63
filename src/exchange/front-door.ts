import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

/** An Express app, as far as the cache uses it. */
interface ExpressApp {
  readonly request: object;
  readonly response: object;
  get(setting: string): unknown;
}

/** A request with the properties that Express and Connect add. */
type ExpressRequest = IncomingMessage & { originalUrl?: string; query?: unknown };

/**
 * The front door: a cache in front of a whole app (`cache.before`). No code of the app has run when a request arrives,
 * so the app's settings and prototypes are read from the app itself.
 */
export class FrontDoor {
  readonly app: RequestListener;
  /** The app, if it is an Express app. */
  readonly express: ExpressApp | undefined;
  /** Whether the app is of Express or Connect, which keep the received URL in `originalUrl`. */
  readonly #keepsUrl: boolean;

  constructor(app: RequestListener) {
    this.app = app;
    this.express = expressOf(app);
    this.#keepsUrl = typeof (app as { handle?: unknown }).handle === 'function';
  }

  /** Whether the request has not entered any app yet, whose middleware could have rejected other clients. */
  isBeforeApp(req: IncomingMessage): boolean {
    return (req as ExpressRequest).originalUrl === undefined;
  }

  /**
   * Adds to request and response what the app adds before its first middleware, so that functions among the options
   * (`key`, `when`) read the same properties as behind `app.use`. The app repeats this later without effect.
   */
  decorate(req: ExpressRequest, res: ServerResponse & { locals?: object }): void {
    if (this.#keepsUrl) req.originalUrl ??= req.url ?? '';
    const { express } = this;
    if (!express) return;
    Object.setPrototypeOf(req, express.request);
    Object.setPrototypeOf(res, express.response);
    res.locals ??= Object.create(null) as object;
    // Express 5 has an accessor for `query`. Express 4 has a middleware, which keeps an existing value.
    if ('query' in req) return;
    const parse = express.get('query parser fn');
    const [url = ''] = (req.url ?? '').split('#', 1);
    const mark = url.indexOf('?');
    if (typeof parse === 'function') req.query = parse(mark < 0 ? '' : url.slice(mark + 1));
  }
}

/**
 * Only an app has all three properties. Other callables with a `get`, such as routers, would take a setting for a path.
 */
function expressOf(app: RequestListener): ExpressApp | undefined {
  const { request, response, settings } = app as unknown as Record<string, unknown>;
  const isApp = [request, response, settings].every((part) => typeof part === 'object' && part !== null);
  return isApp ? (app as unknown as ExpressApp) : undefined;
}
