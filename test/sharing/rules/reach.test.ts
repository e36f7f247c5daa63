import { describe, expect, test } from '@jest/globals';
import { parseCacheControl } from '../../../src/http/cache-control.ts';
import type { Caller } from '../../../src/sharing/caller.ts';
import { Constants } from '../../../src/sharing/constants.ts';
import type { Credential } from '../../../src/sharing/credentials.ts';
import {
  type Coverage,
  dependenceOf,
  type Reach,
  type Run,
  reachOf,
  uncoveredBy,
} from '../../../src/sharing/reach.ts';
import { ReadWatch } from '../../../src/sharing/reads.ts';

/* Who may have a response, by what the app has read, what the key covers and what the response says: pure functions. */

const NOBODY: Coverage = { caller: false, fields: [], cookies: [] };
/** By the names of credentials, as `Cache-Status` has them. */
const credentials = (...names: string[]): Credential[] =>
  names.map((name) => ({ name, value: 'v', isTaken: false }));

describe('credentials that nothing covers', () => {
  test.each<[title: string, has: string[], coverage: Partial<Coverage>, left: string[]]>([
    ['of a stranger are none', [], {}, []],
    [
      'are all, where nothing is declared',
      ['authorization', 'cookie sid'],
      {},
      ['authorization', 'cookie sid'],
    ],
    [
      'are none, where the caller is named',
      ['authorization', 'cookie sid', 'client certificate'],
      { caller: true },
      [],
    ],
    [
      'are those that are not named',
      ['authorization', 'x-api-key'],
      { fields: ['x-api-key'] },
      ['authorization'],
    ],
    ['are no cookies, where the field is named', ['cookie a', 'cookie b'], { fields: ['cookie'] }, []],
    ['are the other cookies, where one is named', ['cookie a', 'cookie b'], { cookies: ['a'] }, ['cookie b']],
    [
      'are all, where another field is named',
      ['authorization'],
      { fields: ['cookie'], cookies: ['sid'] },
      ['authorization'],
    ],
    [
      'are a certificate, whatever is named',
      ['client certificate'],
      { fields: ['cookie', 'authorization'] },
      ['client certificate'],
    ],
  ])('%s', (_title, has, coverage, left) => {
    const uncovered = uncoveredBy(credentials(...has), { ...NOBODY, ...coverage });
    expect(uncovered.map(({ name }) => name)).toEqual(left);
  });
});

interface Row {
  /** What the app has read: header fields, cookies that were parsed in front, placed values with their text. */
  readonly fields?: string[];
  readonly copied?: true;
  readonly cookies?: string[];
  readonly placed?: Record<string, string | null>;
  /** The request's credentials. */
  readonly has?: string[];
  readonly coverage?: Partial<Coverage>;
  readonly says?: string;
  readonly guard?: Run['guard'];
  /** Fields that the key goes by. */
  readonly keyed?: string[];
  /** The options `credentials` and `vary.ignore`. */
  readonly more?: string[];
  readonly ignore?: string[];
}

interface Result {
  readonly selectors?: string[];
  readonly personal?: string[];
  readonly reach: Reach;
}

function resultOf(row: Row): Result {
  const reads = Object.assign(new ReadWatch(new Constants()), { copied: row.copied ?? false });
  for (const name of row.fields ?? []) reads.fields.add(name);
  for (const name of row.cookies ?? []) reads.placed.set(`req.cookies.${name}`, '"1"');
  for (const [name, text] of Object.entries(row.placed ?? {})) reads.placed.set(name, text);
  const has = credentials(...(row.has ?? []));
  const run: Run = {
    reads,
    caller: { credentials: has, isStranger: has.length === 0 } as unknown as Caller,
    coverage: { ...NOBODY, ...row.coverage },
    directives: parseCacheControl(row.says),
    guard: row.guard ?? 'verify',
    keyed: new Set(row.keyed),
    rule: { credentials: new Set(row.more), ignore: new Set(row.ignore) },
  };
  const dependence = dependenceOf(run);
  const { selectors, personal } = dependence;
  return {
    ...(selectors.length > 0 && { selectors: [...selectors] }),
    ...(personal.length > 0 && { personal: [...personal] }),
    reach: reachOf(run, dependence),
  };
}

const OPAQUE = '!';
const ANN = ['cookie sid'];

/** Completes "a response". */
const TABLE: [title: string, row: Row, result: Result][] = [
  // Strangers.
  ['of a stranger, nothing read', {}, { reach: 'alike' }],
  ['of a stranger that says public', { says: 'public' }, { reach: 'everyone' }],
  [
    'of a stranger, credentials looked for and not there',
    { fields: ['cookie', 'authorization', 'x-api-key'] },
    { reach: 'alike' },
  ],
  [
    'of a stranger, made of a default that middleware has set among the cookies',
    { cookies: ['theme'] },
    { selectors: ['req.cookies.theme'], reach: 'alike' },
  ],
  [
    'of a stranger, an opaque value read',
    { placed: { 'req.session': OPAQUE } },
    { personal: ['req.session'], reach: 'personal' },
  ],
  // Header fields.
  ['made of a field', { fields: ['accept-language'] }, { selectors: ['accept-language'], reach: 'alike' }],
  ['made of a field of the app', { fields: ['x-theme'] }, { selectors: ['x-theme'], reach: 'alike' }],
  [
    'made of fields that are noise',
    { fields: ['user-agent', 'referer', 'traceparent', 'if-none-match'] },
    { reach: 'alike' },
  ],
  [
    'made of a field that vary.ignore names',
    { fields: ['x-theme'], ignore: ['x-theme'] },
    { reach: 'alike' },
  ],
  [
    'made of a field that the key goes by',
    { fields: ['host', 'x-forwarded-proto'], keyed: ['host'] },
    { selectors: ['x-forwarded-proto'], reach: 'alike' },
  ],
  [
    'made of a field whose name is that of a placed value',
    { fields: ['req.user'] },
    { personal: ['req.user'], reach: 'personal' },
  ],
  [
    'made of all fields at once: all of them together select',
    { copied: true, fields: ['x-theme'] },
    { selectors: ['req.headers'], reach: 'alike' },
  ],
  [
    'made of all fields at once, for an origin that says Vary: those by which the request came select',
    { copied: true, ignore: ['req.headers'], keyed: ['host', 'x-forwarded-host', 'x-forwarded-proto'] },
    {
      selectors: [
        'forwarded',
        'x-forwarded-port',
        'x-forwarded-prefix',
        'x-forwarded-scheme',
        'x-original-host',
        'x-original-url',
        'x-rewrite-url',
        'cf-visitor',
      ],
      reach: 'alike',
    },
  ],
  // Credentials, read or not.
  ['of a caller, nothing read', { has: ANN }, { reach: 'unverified' }],
  ['of a caller with a certificate, nothing read', { has: ['client certificate'] }, { reach: 'unverified' }],
  ['made of a credential', { has: ANN, fields: ['cookie'] }, { personal: ['cookie'], reach: 'personal' }],
  [
    'made of a credential that is not there',
    { has: ANN, fields: ['authorization'] },
    { reach: 'unverified' },
  ],
  [
    'made of a field that the option credentials names',
    { has: ['x-visitor'], fields: ['x-visitor'], more: ['x-visitor'] },
    { personal: ['x-visitor'], reach: 'personal' },
  ],
  [
    'made of all fields of a caller at once',
    {
      has: ['authorization', 'cookie a', 'cookie b'],
      copied: true,
      keyed: ['host'],
      ignore: [
        'forwarded',
        'x-forwarded-host',
        'x-forwarded-port',
        'x-forwarded-prefix',
        'x-forwarded-proto',
        'x-forwarded-scheme',
        'x-original-host',
        'x-original-url',
        'x-rewrite-url',
        'cf-visitor',
      ],
    },
    { selectors: ['req.headers'], personal: ['authorization', 'cookie'], reach: 'personal' },
  ],
  [
    'made of one parsed cookie',
    { has: ['cookie a', 'cookie b'], cookies: ['a'] },
    { personal: ['cookie a'], reach: 'personal' },
  ],
  [
    'made of a cookie that the client has not sent',
    { has: ANN, cookies: ['theme'] },
    { selectors: ['req.cookies.theme'], reach: 'unverified' },
  ],
  [
    'made of all parsed cookies',
    { has: ['cookie a', 'cookie b'], cookies: ['a', 'b'] },
    { personal: ['cookie a', 'cookie b'], reach: 'personal' },
  ],
  [
    'made of the field and of one cookie in it',
    { has: ANN, fields: ['cookie'], cookies: ['sid'] },
    { personal: ['cookie'], reach: 'personal' },
  ],
  // Placed values.
  [
    'made of a placed text',
    { placed: { 'res.locals.lang': '"de"' } },
    { selectors: ['res.locals.lang'], reach: 'alike' },
  ],
  [
    'made of a placed value that is not there',
    { placed: { 'req.tenant': null } },
    { selectors: ['req.tenant'], reach: 'alike' },
  ],
  [
    'of a caller, made of a small plain user',
    { has: ANN, placed: { 'req.user': '{"id":1}' } },
    { selectors: ['req.user'], reach: 'unverified' },
  ],
  [
    'of a caller, made of an instance',
    { has: ANN, placed: { 'req.session': OPAQUE } },
    { personal: ['req.session'], reach: 'personal' },
  ],
  [
    'made of an instance that vary.ignore names',
    { has: ANN, placed: { 'req.session': OPAQUE }, ignore: ['req.session'] },
    { reach: 'unverified' },
  ],
  // Coverage.
  ['of a caller whom vary.caller names', { has: ANN, coverage: { caller: true } }, { reach: 'everyone' }],
  [
    'of a named caller, made of a credential and of an instance',
    { has: ANN, fields: ['cookie'], placed: { 'req.user': OPAQUE }, coverage: { caller: true } },
    { reach: 'everyone' },
  ],
  [
    'of a caller whose credential is declared',
    { has: ANN, coverage: { cookies: ['sid'] } },
    { reach: 'alike' },
  ],
  [
    'made of a declared credential',
    { has: ANN, fields: ['cookie'], coverage: { fields: ['cookie'] } },
    { reach: 'alike' },
  ],
  [
    'of a declared credential, made of an instance',
    { has: ANN, placed: { 'req.user': OPAQUE }, coverage: { cookies: ['sid'] } },
    { reach: 'alike' },
  ],
  [
    'made of an instance, where one of two credentials is declared',
    {
      has: ['authorization', 'cookie sid'],
      placed: { 'req.user': OPAQUE },
      coverage: { fields: ['authorization'] },
    },
    { personal: ['req.user'], reach: 'personal' },
  ],
  [
    'of a stranger, made of an instance, where a credential is declared',
    { placed: { 'req.user': OPAQUE }, coverage: { fields: ['cookie'] } },
    { personal: ['req.user'], reach: 'personal' },
  ],
  [
    'made of one cookie, where another is declared',
    { has: ['cookie a', 'cookie b'], cookies: ['b'], coverage: { cookies: ['a'] } },
    { personal: ['cookie b'], reach: 'personal' },
  ],
  // What the response says.
  ['of a caller that says public', { has: ANN, says: 'public' }, { reach: 'everyone' }],
  ['of a caller that says s-maxage', { has: ANN, says: 's-maxage=60' }, { reach: 'everyone' }],
  [
    'made of a credential that says public',
    { has: ANN, fields: ['cookie'], says: 'public' },
    { personal: ['cookie'], reach: 'everyone' },
  ],
  [
    'made of a language that says public',
    { placed: { 'res.locals.lang': '"de"' }, says: 'public' },
    { selectors: ['res.locals.lang'], reach: 'everyone' },
  ],
  [
    'made of a user that says public',
    { has: ANN, placed: { 'req.user': '{"id":1}' }, says: 'public' },
    { reach: 'everyone' },
  ],
  [
    'made of an instance that says public',
    { has: ANN, placed: { 'req.session': OPAQUE }, says: 'public' },
    { reach: 'everyone' },
  ],
  [
    'of a caller that says must-revalidate, by Authorization',
    { has: ['authorization'], says: 'must-revalidate' },
    { reach: 'everyone' },
  ],
  [
    'made of Authorization that says must-revalidate',
    { has: ['authorization'], fields: ['authorization'], says: 'must-revalidate' },
    { personal: ['authorization'], reach: 'everyone' },
  ],
  [
    'of a caller that says must-revalidate, by a cookie',
    { has: ANN, says: 'must-revalidate' },
    { reach: 'unverified' },
  ],
  [
    'of a caller that says must-revalidate, by both',
    { has: ['authorization', 'cookie sid'], says: 'must-revalidate' },
    { reach: 'unverified' },
  ],
  [
    'made of a cookie that says must-revalidate',
    { has: ['authorization', 'cookie sid'], fields: ['authorization', 'cookie'], says: 'must-revalidate' },
    { personal: ['authorization', 'cookie'], reach: 'personal' },
  ],
  [
    'of a caller that says max-age alone',
    { has: ANN, says: 'max-age=60, immutable' },
    { reach: 'unverified' },
  ],
  // The option.
  ["under 'reads', nothing read", { has: ANN, guard: 'reads' }, { reach: 'everyone' }],
  [
    "under 'reads', a credential read",
    { has: ANN, fields: ['cookie'], guard: 'reads' },
    { personal: ['cookie'], reach: 'personal' },
  ],
  [
    "under 'reads', a field read",
    { fields: ['x-theme'], guard: 'reads' },
    { selectors: ['x-theme'], reach: 'everyone' },
  ],
  [
    "under 'off', whatever is read",
    { has: ANN, fields: ['cookie', 'x-theme'], placed: { 'req.user': OPAQUE }, guard: 'off' },
    { reach: 'everyone' },
  ],
];

describe('a response', () => {
  test.each(TABLE)('%s', (_title, row, result) => {
    expect(resultOf(row)).toEqual(result);
  });
});
