import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { rawHeadersOf } from '../shared-state.ts';
import { isCredential, isNoiseCookie, lowerCase } from './fields.ts';

/** What names the caller of a request. */
export interface Credential {
  /** `authorization`, `cookie sid`, `client certificate`: as `Cache-Status` and `vary.ignore` name it. */
  readonly name: string;
  readonly value: string;
  /** Whether middleware in front has taken it away from `headers`: no field selects by it any more. */
  readonly isTaken: boolean;
}

/** What the options say of credentials and selectors. */
export interface SharingRule {
  /** Further fields that name a caller, in lower case. */
  readonly credentials: ReadonlySet<string>;
  /** Names that neither select nor count as credentials, as `Cache-Status` names them. */
  readonly ignore: ReadonlySet<string>;
}

/** The credential that a TLS client certificate is. */
export const CERTIFICATE = 'client certificate';

/**
 * Every credential that the client has sent or middleware in front has added, sorted by name. Middleware that takes one
 * away from `headers` has used it; `rawHeaders` still has it.
 */
export function credentialsOf(
  req: IncomingMessage,
  headers: IncomingHttpHeaders,
  { credentials, ignore }: SharingRule,
): readonly Credential[] {
  const found: Credential[] = [];
  const isOne = (name: string): boolean => credentials.has(name) || isCredential(name);
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && isOne(name)) found.push(...credentialsIn(name, String(value), ignore));
  }
  const isLeft = (name: string, value: string): boolean =>
    found.some((one) => !one.isTaken && one.name === name && one.value === value);
  const raw = rawHeadersOf(req);
  for (let i = 0; i < raw.length; i += 2) {
    const name = lowerCase(raw[i] as string);
    if (!isOne(name)) continue;
    for (const one of credentialsIn(name, raw[i + 1] as string, ignore))
      if (!isLeft(one.name, one.value)) found.push({ ...one, isTaken: true });
  }
  if (hasCertificate(req) && !ignore.has(CERTIFICATE))
    found.push({ name: CERTIFICATE, value: '', isTaken: false });
  return found.length < 2 ? found : found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** The credentials in one field: of a `Cookie` each cookie by itself. */
function credentialsIn(name: string, value: string, ignore: ReadonlySet<string>): Credential[] {
  if (ignore.has(name)) return [];
  if (name !== 'cookie') return [{ name, value: value.trim(), isTaken: false }];
  const cookies: Credential[] = [];
  for (const pair of value.split(';')) {
    const equals = pair.indexOf('=');
    const cookie = (equals < 0 ? pair : pair.slice(0, equals)).trim();
    if (pair.trim() === '' || isNoiseCookie(cookie) || ignore.has(`cookie ${cookie}`)) continue;
    const text = equals < 0 ? '' : pair.slice(equals + 1).trim();
    cookies.push({ name: `cookie ${cookie}`, value: text, isTaken: false });
  }
  return cookies;
}

/** Whether the client has shown a certificate, valid or not. Servers that ask for none have neither word. */
function hasCertificate({ socket }: IncomingMessage): boolean {
  const { authorized, authorizationError, getPeerCertificate } = (socket ?? {}) as Partial<TLSSocket>;
  if (authorized === true) return true;
  if (!authorizationError || typeof getPeerCertificate !== 'function') return false;
  return Object.keys(getPeerCertificate.call(socket, false) ?? {}).length > 0;
}
