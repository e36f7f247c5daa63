import type { Directives } from '../http/cache-control.ts';
import type { Caller } from './caller.ts';
import type { Credential, SharingRule } from './credentials.ts';
import { isCallersName, isCredential, isNoise, isNoiseCookie, ROUTING } from './fields.ts';
import { ALL_FIELDS, isPlaced, OPAQUE } from './placed.ts';
import type { ReadWatch } from './reads.ts';

/**
 * Who may have a response that the app has just made, from what the response says, what the key covers, and what the app
 * was seen to read. Pure, given the watch.
 */

/** What is declared to cover the caller: nothing else does, whatever a key happens to contain. */
export interface Coverage {
  /** Whether `vary.caller` has named the caller. */
  readonly caller: boolean;
  /** Header fields that select, in lower case: those of `vary.headers` and of the response's `Vary`. */
  readonly fields: readonly string[];
  /** Cookies of `vary.cookies`. */
  readonly cookies: readonly string[];
}

/** The credentials of a request that nothing covers. */
export function uncoveredBy(credentials: readonly Credential[], coverage: Coverage): readonly Credential[] {
  if (credentials.length === 0) return credentials;
  const { caller, fields, cookies } = coverage;
  if (caller) return [];
  return credentials.filter(({ name, isTaken }) => {
    if (isTaken) return true;
    const cookie = name.startsWith('cookie ') ? name.slice('cookie '.length) : undefined;
    if (cookie === undefined) return !fields.includes(name);
    return !fields.includes('cookie') && !cookies.includes(cookie);
  });
}

/** What a run of the app depended on. */
export interface Dependence {
  /** Names that select the response, beside those that `Vary` nominates: header fields, and placed values. */
  readonly selectors: readonly string[];
  /** What it read of the caller that nothing covers: credentials, and placed values that cannot be compared. */
  readonly personal: readonly string[];
}

/** What a response says, what the request brought, and what covers it. */
export interface Run {
  readonly reads: ReadWatch;
  readonly caller: Caller;
  readonly coverage: Coverage;
  /** The response's directives, from the field that applies to this cache. */
  readonly directives: Directives;
  readonly guard: 'verify' | 'reads' | 'off';
  /** Header fields that the key goes by already, in lower case. */
  readonly keyed: ReadonlySet<string>;
  readonly rule: SharingRule;
}

/**
 * Whether the response says itself that it is for everyone (RFC 9111 §3.5 and §5.2.2.9, §5.2.2.10). `public, max-age=0` is
 * what `res.sendFile` and `express.static` say of every file, whoever may have it.
 */
function isForAll(directives: Directives): boolean {
  return directives.has('s-maxage') || (directives.has('public') && directives.seconds('max-age') !== 0);
}

export function dependenceOf(run: Run): Dependence {
  const { reads, caller, coverage, directives, keyed, rule } = run;
  if (run.guard === 'off' || reads.count === 0) return NOTHING;
  const selectors = new Set<string>();
  const personal = new Set<string>();
  const uncovered = uncoveredBy(caller.credentials, coverage);
  const names = new Set(uncovered.map(({ name }) => (name.startsWith('cookie ') ? 'cookie' : name)));
  const isOne = (name: string): boolean => rule.credentials.has(name) || isCredential(name);
  for (const name of reads.fields) {
    if (rule.ignore.has(name)) continue;
    // No field is called so, but a client may send one.
    if (isPlaced(name)) personal.add(name);
    else if (isOne(name)) {
      if (names.has(name)) personal.add(name);
      // The caller is covered, but not the tenant or the role that they have chosen.
      else if (coverage.caller && !IN_THE_CALLER.has(name)) selectors.add(name);
    } else if (!isNoise(name) && !keyed.has(name)) selectors.add(name);
  }
  if (reads.copied) {
    for (const name of names) personal.add(name);
    // Any of the copies may be read. Where a proxy copies them for an origin that says `Vary`, HTTP's own rule holds.
    if (rule.ignore.has(ALL_FIELDS)) {
      for (const name of ROUTING) if (!keyed.has(name) && !rule.ignore.has(name)) selectors.add(name);
    } else {
      selectors.clear();
      selectors.add(ALL_FIELDS);
    }
  }
  const isCovered = coverage.caller || (caller.credentials.length > 0 && uncovered.length === 0);
  const forAll = isForAll(directives);
  for (const [name, text] of reads.placed) {
    const cookie = /^req\.(?:cookies|signedCookies)\.(.*)$/s.exec(name)?.[1];
    if (cookie !== undefined && isOfRequest(cookie, run)) {
      if (uncovered.some((one) => one.name === `cookie ${cookie}`)) personal.add(`cookie ${cookie}`);
      continue;
    }
    if (rule.ignore.has(name)) continue;
    const isCallers = isCallersName(name) && !CHOSEN_BY_CALLER.test(name);
    const isObject = text === OPAQUE || text?.[0] === '{';
    const isTranslation = TRANSLATES.test(name);
    // A user is in the caller's name; a language that the user has chosen is not.
    if (coverage.caller && isCallers && isObject) continue;
    // A response for everyone is not the caller's own, whatever the app has looked at.
    if (forAll && !isTranslation && (text === OPAQUE || isCallers)) continue;
    if (text !== OPAQUE) selectors.add(name);
    else if (isTranslation ? !coverage.fields.includes('accept-language') : !(isCovered && isCallers))
      personal.add(name);
  }
  // Who went through all cookies has read each.
  const each = personal.has('cookie');
  return {
    selectors: [...selectors],
    personal: [...personal].filter((name) => !each || !name.startsWith('cookie ')).sort(),
  };
}

/** Whether a parsed cookie is one that the client has sent, or that says nothing, and no default that middleware has set. */
function isOfRequest(cookie: string, { caller, rule }: Run): boolean {
  const name = `cookie ${cookie}`;
  return (
    isNoiseCookie(cookie) || rule.ignore.has(name) || caller.credentials.some((one) => one.name === name)
  );
}

/** Credentials that name the caller, and nothing beside. */
const IN_THE_CALLER: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie']);

/** Named after the caller, such as `userTenant`, but the caller chooses the value. */
const CHOSEN_BY_CALLER = /(?:tenant|org|organi[sz]ation|roles?|workspace|team|company|project)$/i;

/** What i18next, i18n and their kin make of `Accept-Language`: functions that translate, and what they belong to. */
const TRANSLATES =
  /^(?:req|res|res\.locals)\.(?:t|i18n|i18next|exists|getFixedT|__\w*|languageUtils|translate)$/;

const NOTHING: Dependence = { selectors: [], personal: [] };

/** Who may have the response. */
export type Reach =
  /** Whoever selects it. */
  | 'everyone'
  /** Requests of its shape, and of others for which the app gives the same answer. */
  | 'alike'
  /** Nobody else, since it was made for a request with credentials. What the app gives a stranger may be for others. */
  | 'unverified'
  /** Nobody else: it shows what the app has read of the caller. */
  | 'personal';

export function reachOf(run: Run, { personal }: Dependence): Reach {
  const { caller, coverage, directives, guard } = run;
  if (guard === 'off') return 'everyone';
  const isForAuthorized = directives.has('must-revalidate');
  // must-revalidate allows sharing what was made with `Authorization` and nothing else of the caller (§3.5).
  const left = isForAuthorized ? personal.filter((name) => name !== 'authorization') : personal;
  if (isForAll(directives)) return 'everyone';
  if (left.length > 0) return 'personal';
  const uncovered = uncoveredBy(caller.credentials, coverage);
  if (coverage.caller || guard === 'reads') return 'everyone';
  if (uncovered.length === 0) return 'alike';
  return isForAuthorized && uncovered.every(({ name }) => name === 'authorization')
    ? 'everyone'
    : 'unverified';
}

/** Who may have the response of a run, and what selects it. */
export interface Sharing extends Dependence {
  readonly reach: Reach;
}

export function sharingOfRun(run: Run): Sharing {
  const dependence = dependenceOf(run);
  const { selectors, personal } = dependence;
  return { selectors, personal, reach: reachOf(run, dependence) };
}
