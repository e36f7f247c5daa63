import type { Fields } from './support/fields.ts';
import { conformance, FRESH, scenario } from './support/scenario.ts';

const vary = (value: string | string[]): Fields => ({ ...(FRESH as object), Vary: value }) as Fields;
const foo = (value: string): Fields => ({ Foo: value });

const TITLE = 'RFC 9111 §4.1, calculating cache keys with the Vary header field';

conformance(TITLE, cases);
// The proxy copies all fields of the request for an origin that says Vary.
conformance(`${TITLE}, with the guard`, cases, { guard: 'verify', vary: { ignore: ['req.headers'] } });

function cases(): void {
  scenario('"MUST NOT use that stored response without revalidation unless all the presented" fields match', [
    { headers: foo('1'), reply: { headers: vary('Foo') } },
    { headers: foo('1'), hit: 0 },
    { headers: foo('2') },
  ]);
  scenario('several variants side by side', [
    { headers: foo('1'), reply: { headers: vary('Foo') } },
    { headers: foo('2'), reply: { headers: vary('Foo') } },
    { headers: foo('3'), reply: { headers: vary('Foo') } },
    { headers: foo('1'), hit: 0 },
    { headers: foo('2'), hit: 1 },
    { headers: foo('3'), hit: 2 },
  ]);
  scenario(
    '"if a header field is absent from a request, it can only match another request if it is also absent there"',
    [{ reply: { headers: vary('Foo') } }, { hit: 0 }, { headers: foo('1') }],
  );
  scenario('a field that was there and is absent does not match', [
    { headers: foo('1'), reply: { headers: vary('Foo') } },
    {},
  ]);
  scenario('absent is not empty', [
    { reply: { headers: vary('Foo') } },
    { headers: foo(''), reply: { headers: vary('Foo') } },
    { headers: foo(''), hit: 1 },
    { hit: 0 },
  ]);
  scenario('two fields must both match', [
    { headers: { Foo: '1', Bar: 'a' }, reply: { headers: vary('Foo, Bar') } },
    { headers: { Foo: '1', Bar: 'a' }, hit: 0 },
    { headers: { Foo: '1', Bar: 'b' } },
    { headers: { Foo: '2', Bar: 'a' } },
    { headers: { Foo: '1' } },
  ]);
  scenario('two lines of Vary are one field', [
    { headers: { Foo: '1', Bar: 'a' }, reply: { headers: vary(['Foo', 'Bar']) } },
    { headers: { Foo: '1', Bar: 'a' }, hit: 0 },
    { headers: { Foo: '1', Bar: 'b' } },
  ]);
  scenario('a field that is not nominated is of no importance', [
    { headers: { Foo: '1', Other: 'a' }, reply: { headers: vary('Foo') } },
    { headers: { Foo: '1', Other: 'b' }, hit: 0 },
  ]);
  scenario('field names in any case', [
    { headers: { foo: '1' }, reply: { headers: vary('fOO') } },
    { headers: { FOO: '1' }, hit: 0 },
    { headers: { FOO: '2' } },
  ]);
  scenario('values are compared with regard to case where nothing is known of the field', [
    { headers: foo('a'), reply: { headers: vary('Foo') } },
    { headers: foo('A') },
  ]);
  scenario('"adding or removing whitespace (where allowed in the header field\'s syntax)": a list', [
    { headers: { Prefer: 'a, b' }, reply: { headers: vary('Prefer') } },
    { headers: { Prefer: 'a,b' }, hit: 0 },
    { headers: { Prefer: 'a ,  b' }, hit: 0 },
    { headers: { Prefer: 'b, a' } },
  ]);
  scenario('and not where nothing is known of the syntax', [
    { headers: foo('1, 2'), reply: { headers: vary('Foo') } },
    { headers: foo('1,2') },
  ]);
  scenario('"combining multiple header field lines with the same field name"', [
    { headers: foo('1, 2'), reply: { headers: vary('Foo') } },
    {
      headers: [
        ['Foo', '1'],
        ['Foo', '2'],
      ],
      hit: 0,
    },
  ]);
  scenario('"normalizing both header field values": Accept-Language by weight, in any case', [
    { headers: { 'Accept-Language': 'en, de;q=0.5' }, reply: { headers: vary('Accept-Language') } },
    { headers: { 'Accept-Language': 'de; q=0.5,EN' }, hit: 0 },
    { headers: { 'Accept-Language': 'de' } },
    { headers: { 'Accept-Language': 'en, de;q=0.6' } },
  ]);
  scenario('"a member \'*\' always fails to match"', [{ reply: { headers: vary('*') } }, {}]);
  scenario('among others too', [
    { headers: foo('1'), reply: { headers: vary('Foo, *') } },
    { headers: foo('1') },
  ]);
  scenario('in a second line too', [
    { headers: foo('1'), reply: { headers: vary(['Foo', '*']) } },
    { headers: foo('1') },
  ]);
  scenario('before others too', [
    { headers: foo('1'), reply: { headers: vary('*, Foo') } },
    { headers: foo('1') },
  ]);
  scenario('with empty members', [
    { headers: foo('1'), reply: { headers: vary(', ,Foo,,') } },
    { headers: foo('1'), hit: 0 },
    { headers: foo('2') },
  ]);
  scenario('an empty Vary is none', [
    { headers: foo('1'), reply: { headers: vary('') } },
    { headers: foo('2'), hit: 0 },
  ]);
  scenario('a member that is no field name matches nothing', [
    { headers: foo('1'), reply: { headers: vary('Foo bar') } },
    { headers: foo('1') },
  ]);
  scenario('a variant without Vary answers who matches no other: "the most recent" of those that match', [
    { headers: foo('1'), reply: { headers: vary('Foo') } },
    { wait: 1, headers: foo('2'), reply: { headers: FRESH } },
    { wait: 1, headers: foo('3'), hit: 1 },
    { headers: foo('1'), hit: 1 },
  ]);
  scenario('"use the most recent response (as determined by the Date header field)"', [
    { headers: { Foo: '1', Bar: 'a' }, reply: { headers: vary('Foo') } },
    { wait: 1, headers: { Foo: '2', Bar: 'a' }, reply: { headers: vary('Bar') } },
    { wait: 1, headers: { Foo: '1', Bar: 'a' }, hit: 1 },
    { headers: { Foo: '1', Bar: 'b' }, hit: 0 },
  ]);
  scenario('each variant has its own freshness', [
    { headers: foo('1'), reply: { headers: { 'Cache-Control': 'max-age=10', Vary: 'Foo' } } },
    { headers: foo('2'), reply: { headers: { 'Cache-Control': 'max-age=100', Vary: 'Foo' } } },
    { wait: 20, headers: foo('1') },
    { headers: foo('2'), hit: 1 },
  ]);
  scenario('a validation is of the variant asked for, with its own validator', [
    { headers: foo('1'), reply: { headers: { 'Cache-Control': 'max-age=10', Vary: 'Foo', ETag: '"one"' } } },
    { headers: foo('2'), reply: { headers: { 'Cache-Control': 'max-age=10', Vary: 'Foo', ETag: '"two"' } } },
    {
      wait: 20,
      headers: foo('1'),
      asks: { 'If-None-Match': (v) => v?.includes('"one"') === true },
      reply: { status: 304, headers: { 'Cache-Control': 'max-age=10', Vary: 'Foo', ETag: '"one"' } },
      validated: 0,
      status: 200,
    },
    { wait: 5, headers: foo('1'), hit: 0 },
  ]);
  scenario('an unsafe method invalidates every variant', [
    { headers: foo('1'), reply: { headers: vary('Foo') } },
    { headers: foo('2'), reply: { headers: vary('Foo') } },
    { method: 'POST' },
    { headers: foo('1') },
    { headers: foo('2') },
  ]);
  scenario('a HEAD selects by Vary too', [
    { headers: foo('1'), reply: { headers: vary('Foo') } },
    { method: 'HEAD', headers: foo('1'), hit: 0 },
    { method: 'HEAD', headers: foo('2') },
  ]);
  scenario('Vary: Cookie', [
    {
      headers: { Cookie: 'a=1' },
      reply: { headers: { 'Cache-Control': 'public, max-age=60', Vary: 'Cookie' } },
    },
    { headers: { Cookie: 'a=1' }, hit: 0 },
    { headers: { Cookie: 'a=2' } },
  ]);
  scenario('Vary is sent with the stored response', [
    { headers: foo('1'), reply: { headers: vary('Foo') } },
    { headers: foo('1'), hit: 0, has: { Vary: 'Foo' } },
  ]);
}
