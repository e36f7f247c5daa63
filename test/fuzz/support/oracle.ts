import type { CacheOptions } from '../../../src/index.ts';
import type { Answer, Line } from '../../support/client.ts';
import type { Scripted, Wanted } from './space.ts';

/* What must not be, said again without the code under test: one rule a line, and only where nobody could disagree. */

export interface Made {
  readonly serial: string;
  readonly wanted: Wanted;
  readonly scripted: Scripted;
}

/** Why an answer made for one request must not be given to another; nothing when it may. */
export function forbidden(
  made: Made,
  asked: Wanted,
  options: CacheOptions,
  answer: Answer,
): string | undefined {
  return notStorable(made, options) ?? notFor(made, asked) ?? spoilt(made, answer);
}

function notStorable({ wanted, scripted }: Made, options: CacheOptions): string | undefined {
  const { status, style, lie } = scripted;
  const directives = said(scripted, options);
  const plain = (name: string): boolean => directives?.includes(name) ?? false;
  if (plain('no-store') && !directives?.some((one) => one.startsWith('must-understand'))) return 'no-store';
  if (plain('private')) return 'private';
  if (all(scripted, 'vary').some((name) => name === '*')) return 'Vary: *';
  if (all(scripted, 'set-cookie').length > 0 && options.setCookie !== 'strip') return 'Set-Cookie';
  if (status === 206) return 'partial';
  if ([401, 403, 407, 429].includes(status)) return 'for one client';
  if (status === 304 || status > 599) return 'status';
  if (style === 'destroyed') return 'incomplete';
  if (lie !== undefined && lie !== 0 && wanted.method === 'GET' && status !== 204)
    return 'a length that is a lie';
  if (wanted.method !== 'GET') return 'method';
  if (wanted.headers.some(([name]) => name === 'X-HTTP-Method-Override')) return 'method override';
  if (wanted.body) return 'a body';
  if (wanted.host === 'bad host') return 'host';
  const asked = line(wanted.headers, 'cache-control');
  const follows = (options.directives ?? 'follow') === 'follow';
  if (follows && asked && /(?:^|,)\s*no-store\s*(?:$|,)/i.test(asked) && !asked.includes('"'))
    return 'request';
  const credential = line(wanted.headers, 'authorization') !== undefined;
  const shared = directives?.some((one) => /^(?:public|s-maxage|must-revalidate)/.test(one)) ?? true;
  if (credential && !shared && !all(scripted, 'vary').includes('authorization')) return 'Authorization';
  return undefined;
}

/** The directives that apply, lower case; nothing where they are not written so plainly that no parser could differ. */
function said(scripted: Scripted, { targeted }: CacheOptions): string[] | undefined {
  if (targeted && all(scripted, 'cdn-cache-control').length > 0) return undefined;
  const members = all(scripted, 'cache-control');
  return members.some((member) => /["\\]/.test(member)) ? undefined : members;
}

function notFor({ wanted, scripted }: Made, asked: Wanted): string | undefined {
  if (asked.method !== 'GET' && asked.method !== 'HEAD') return `an answer to ${asked.method}`;
  if (asked.body) return 'an answer to a body';
  if (hostOf(wanted) !== hostOf(asked)) return 'another host';
  if (sorted(wanted.path) !== sorted(asked.path)) return 'another path';
  for (const name of all(scripted, 'vary')) {
    if (alike(line(wanted.headers, name), name) !== alike(line(asked.headers, name), name))
      return `another ${name}`;
  }
  return undefined;
}

/** What a stored answer must be whatever it was when it came. */
function spoilt({ scripted, serial }: Made, answer: Answer): string | undefined {
  if (!answer.complete) return 'cut short';
  const length = answer.header('content-length');
  const bodiless = answer.status === 304 || answer.status === 204;
  if (length === undefined && !bodiless) return 'without a length';
  if (answer.lines.filter(([name]) => name.toLowerCase() === 'age').length > 1) return 'with two ages';
  // Of an answer that a 304 has confirmed, the fields are that 304's, for whoever caused it.
  const fields = answer.header('x-serial') === serial;
  if (fields && all(scripted, 'set-cookie').length > 0 && answer.header('set-cookie') !== undefined)
    return 'with a cookie';
  for (const name of ['transfer-encoding', 'te', 'trailer', 'upgrade'])
    if (answer.header(name) !== undefined) return `with ${name}`;
  return undefined;
}

/** The members of a field that the app gave, over all its lines; what `setHeader` sets takes the place of what was. */
function all({ fields, style }: Scripted, lowerName: string): string[] {
  const given = fields.filter(([name]) => name.toLowerCase() === lowerName).map(([, value]) => value);
  const values = style === 'writeHead' ? given : given.slice(-1);
  return values.flat().flatMap((one) => one.split(',').map((member) => member.trim().toLowerCase()));
}

/** A field as Node gives it: of Authorization the first line counts, others are joined. */
function line(headers: readonly Line[], lowerName: string): string | undefined {
  const values = headers.filter(([name]) => name.toLowerCase() === lowerName).map(([, value]) => value);
  if (values.length === 0) return undefined;
  return lowerName === 'authorization' ? values[0] : values.join(lowerName === 'cookie' ? '; ' : ', ');
}

/** Coarser than any cache may be in reading a list: case, white space and order left aside. */
function alike(value: string | undefined, name: string): string | undefined {
  if (value === undefined || name === 'cookie' || name === 'authorization') return value?.trim();
  return value.toLowerCase().replace(/[ \t]/g, '').split(',').filter(Boolean).sort().join();
}

function hostOf({ host }: Wanted): string {
  return host.toLowerCase().replace(/:80$/, '');
}

function sorted(path: string): string {
  const [before = '', query] = path.split('?');
  if (query === undefined) return before;
  const parameters = query.split('&');
  const byName = [...parameters].sort((a, b) => ((a.split('=')[0] ?? '') < (b.split('=')[0] ?? '') ? -1 : 1));
  return `${before}?${byName.join('&')}`;
}
