import type { IncomingMessage, ServerResponse } from 'node:http';

/** What answers a request without a `next`: an app of Express or Connect, or any listener. */
export type Listener = (req: IncomingMessage, res: ServerResponse) => unknown;

/** What an Express app is known by. */
interface Express {
  readonly request: object;
  readonly response: object;
  get(setting: string): unknown;
}

/** What the app will add to a request once it has been entered. */
type Dressed = IncomingMessage & { originalUrl?: string; query?: unknown };

/**
 * The way to a cache in front of an app. Nothing of the app has run there, so what a request is to the app (what it
 * trusts, what its accessors say) is asked of the app itself.
 */
export class Door {
  readonly app: Listener;
  /** The app, if it is one of Express. */
  readonly express: Express | undefined;
  /** Express and Connect keep the URL as it came before they take mount points off it. */
  readonly #keepsUrl: boolean;

  constructor(app: Listener) {
    this.app = app;
    this.express = expressOf(app);
    this.#keepsUrl = typeof (app as { handle?: unknown }).handle === 'function';
  }

  /** Whether no framework has the request yet, whose middleware may have turned others away. */
  isFirst(req: IncomingMessage): boolean {
    return (req as Dressed).originalUrl === undefined;
  }

  /**
   * Gives request and response what they will have in the app before any middleware, so that functions of the user's
   * (`key`, `when`) read there what they read behind `app.use`. The app does the same again and finds it done.
   */
  dress(req: Dressed, res: ServerResponse & { locals?: object }): void {
    if (this.#keepsUrl) req.originalUrl ??= req.url ?? '';
    const { express } = this;
    if (!express) return;
    Object.setPrototypeOf(req, express.request);
    Object.setPrototypeOf(res, express.response);
    res.locals ??= Object.create(null) as object;
    // Express 5 has an accessor for it, Express 4 a middleware that leaves alone what is there.
    if ('query' in req) return;
    const parse = express.get('query parser fn');
    const [url = ''] = (req.url ?? '').split('#', 1);
    const mark = url.indexOf('?');
    if (typeof parse === 'function') req.query = parse(mark < 0 ? '' : url.slice(mark + 1));
  }
}

/** Other callables with a `get`, such as routers, would take the name of a setting for a path. */
function expressOf(app: Listener): Express | undefined {
  const { request, response, settings } = app as unknown as Record<string, unknown>;
  const has = [request, response, settings].every((part) => typeof part === 'object' && part !== null);
  return has ? (app as unknown as Express) : undefined;
}
