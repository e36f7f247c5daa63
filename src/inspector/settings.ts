import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { OptionError } from '../errors.ts';
import { flag, objectOf, optional } from '../options/parsers.ts';
import type { WarmOptions } from '../warm/warm.ts';

/** Options of the inspector, parsed once. */

export interface InspectorOptions {
  /**
   * Who may. It is asked for every request, those for scripts and styles included: `true` lets it in, anything else is
   * answered 403, unless the function has answered itself (a redirect to a login). What it throws goes to `next`.
   *
   * `'development'` lets in who is at this machine: a peer on a loopback address that names a loopback host, without any
   * sign of a proxy. It is refused while NODE_ENV is `production`.
   */
  readonly authorize:
    | 'development'
    | ((req: IncomingMessage, res: ServerResponse) => boolean | Promise<boolean>);
  /** Hides and refuses whatever changes what is stored. @default false */
  readonly readOnly?: boolean;
  /**
   * What may be asked for anew from the page. `app`: URLs are asked of it, in this process, as `cache.warm` does it;
   * `origins`, such as `['https://api.example.com']`: URLs of these alone, over HTTP where there is no `app`. Nothing else
   * is ever asked for, since whoever can make a server send requests can reach what only that server reaches.
   * @default none: nothing can be warmed from the page
   */
  readonly warm?: {
    /** An app, a request listener, or a server. */
    readonly app?: NonNullable<WarmOptions['app']>;
    /** Scheme, host and port of each. */
    readonly origins?: readonly string[];
  };
}

export interface Settings {
  readonly authorize: InspectorOptions['authorize'];
  readonly readOnly: boolean;
  /** Whether and how a URL may be asked for. */
  readonly warm: Warming | undefined;
}

interface Warming {
  readonly app: NonNullable<WarmOptions['app']> | undefined;
  /** `undefined`: any. */
  readonly origins: ReadonlySet<string> | undefined;
}

/** @throws {OptionError} */
export function parseInspector(options: InspectorOptions): Settings {
  return parseOptions('inspector', options);
}

const parseOptions = objectOf<Settings>({
  authorize: { default: undefined, parse: parseAuthorize },
  readOnly: { default: false, parse: flag },
  warm: { default: undefined, parse: parseWarming },
});

function parseAuthorize(option: string, authorize: unknown): Settings['authorize'] {
  if (typeof authorize === 'function') return authorize as Settings['authorize'];
  if (authorize !== 'development')
    throw new OptionError(option, authorize, "a function that says whether a request may, or 'development'");
  if (isProduction()) throw new OptionError(option, authorize, 'a function where NODE_ENV is production');
  return authorize;
}

export function isProduction(): boolean {
  return process.env.NODE_ENV === 'production';
}

/** Whether the page may have a URL asked for. */
export function mayWarm({ warm, readOnly }: Settings, url: unknown): boolean {
  if (readOnly || !warm || !URL.canParse(String(url))) return false;
  const { protocol, origin } = new URL(String(url));
  return /^https?:$/.test(protocol) && (warm.origins?.has(origin) ?? true);
}

function parseWarming(option: string, warm: unknown): Warming | undefined {
  if (warm === undefined) return undefined;
  const parsed = warmingParts(option, warm);
  if (parsed.app === undefined && parsed.origins === undefined)
    throw new OptionError(option, warm, 'an object of app, origins, or both');
  return parsed;
}

const warmingParts = objectOf<Warming>({
  app: { default: undefined, parse: optional(parseApp) },
  origins: { default: undefined, parse: optional(parseOrigins) },
});

function parseApp(option: string, app: unknown): NonNullable<Warming['app']> {
  if (typeof app === 'function' || typeof (app as Partial<Server> | null)?.listeners === 'function')
    return app as NonNullable<Warming['app']>;
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
