import type { Server } from 'node:http';
import { OptionError } from '../errors.ts';
import { flag, objectOf, optional } from '../options/parsers.ts';
import type { Dynamic } from '../options/policy.ts';
import type {
  CacheRequest,
  CacheResponse,
  NodeRequest,
  NodeResponse,
  OptionFunction,
} from '../options/request.ts';
import type { WarmOptions } from '../warm/warm.ts';

/** The options of the inspector. */

export interface InspectorOptions<
  Req extends NodeRequest = CacheRequest,
  Res extends NodeResponse = CacheResponse,
> {
  /**
   * Decides about every request, including those for scripts and styles. `true` allows it. Anything else is answered
   * with 403, unless the function has answered itself (a redirect to a login). What it throws goes to `next`.
   *
   * `'development'` allows requests from this machine: from a loopback address, to a loopback host, without header
   * fields of a proxy. It is an error while NODE_ENV is `production`.
   */
  readonly authorize: 'development' | OptionFunction<boolean, Req, Res>;
  /** Hides and refuses every action that changes what is stored. @default false */
  readonly readOnly?: boolean | undefined;
  /**
   * Allows warm-ups from the page. With `app`, requests go to this app in this process, as with `cache.warm`. With
   * `origins`, such as `['https://api.example.com']`, only URLs of these origins are allowed; without `app`, the requests
   * are sent over HTTP. Any other URL is refused: a user of the page must not reach what only the server can reach.
   * @default none: no warm-ups from the page
   */
  readonly warm?:
    | {
        /** An app, a request listener, or a server. */
        readonly app?: NonNullable<WarmOptions['app']> | undefined;
        /** Scheme, host and port of each origin. */
        readonly origins?: readonly string[] | undefined;
      }
    | undefined;
}

export interface Settings {
  readonly authorize: 'development' | Dynamic<boolean>;
  readonly readOnly: boolean;
  /** `undefined`: no warm-ups from the page. */
  readonly warm: WarmSettings | undefined;
}

interface WarmSettings {
  readonly app: NonNullable<WarmOptions['app']> | undefined;
  /** `undefined`: any origin. */
  readonly origins: ReadonlySet<string> | undefined;
}

/** @throws {OptionError} */
export function parseInspectorOptions(options: object): Settings {
  return parseOptions('inspector', options);
}

const parseOptions = objectOf<Settings>({
  authorize: { default: undefined, parse: parseAuthorize },
  readOnly: { default: false, parse: flag },
  warm: { default: undefined, parse: parseWarm },
});

function parseAuthorize(option: string, authorize: unknown): Settings['authorize'] {
  if (typeof authorize === 'function') return authorize as Settings['authorize'];
  if (authorize !== 'development') {
    const accepted = "a function that returns true for an allowed request, or 'development'";
    throw new OptionError(option, authorize, accepted);
  }
  if (isProduction()) throw new OptionError(option, authorize, 'a function while NODE_ENV is production');
  return authorize;
}

export function isProduction(): boolean {
  return process.env.NODE_ENV === 'production';
}

/** Why the page may not request this URL; `undefined` where it may. */
export function refusalToWarm({ warm, readOnly }: Settings, url: unknown): string | undefined {
  if (readOnly) return 'The inspector is read-only (its readOnly option).';
  if (!warm) return 'The inspector has no warm option, which allows requests to the app.';
  const { protocol, origin } = new URL(String(url));
  if (/^https?:$/.test(protocol) && (warm.origins?.has(origin) ?? true)) return undefined;
  const allowed = warm.origins ? [...warm.origins].join(', ') : 'http and https';
  return `The warm option of the inspector does not allow ${origin}; it allows ${allowed}.`;
}

function parseWarm(option: string, warm: unknown): WarmSettings | undefined {
  if (warm === undefined) return undefined;
  const parsed = parseWarmParts(option, warm);
  if (parsed.app === undefined && parsed.origins === undefined)
    throw new OptionError(option, warm, 'an object of app, origins, or both');
  return parsed;
}

const parseWarmParts = objectOf<WarmSettings>({
  app: { default: undefined, parse: optional(parseApp) },
  origins: { default: undefined, parse: optional(parseOrigins) },
});

function parseApp(option: string, app: unknown): NonNullable<WarmSettings['app']> {
  if (typeof app === 'function' || typeof (app as Partial<Server> | null)?.listeners === 'function')
    return app as NonNullable<WarmSettings['app']>;
  throw new OptionError(option, app, 'an app, a request listener, or a server');
}

function parseOrigins(option: string, origins: unknown): ReadonlySet<string> {
  const given: unknown[] = Array.isArray(origins) ? origins : [];
  const valid = given.filter((origin) => {
    if (typeof origin !== 'string' || !URL.canParse(origin)) return false;
    const url = new URL(origin);
    return /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`;
  });
  if (valid.length === 0 || valid.length !== given.length)
    throw new OptionError(option, origins, "a list of origins such as 'https://api.example.com'");
  return new Set(valid.map((origin) => new URL(String(origin)).origin));
}
