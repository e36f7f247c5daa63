import { at, type Fields } from './support/fields.ts';
import { conformance, FRESH, scenario } from './support/scenario.ts';

const LM = 'Thu, 01 Jan 2026 00:00:00 GMT';
const stored = (more: Record<string, string>, status = 200) => ({
  reply: { status, headers: { ...FRESH, ...more } as Fields },
});
const yes = { hit: 0, status: 304, text: '' };
const no = { hit: 0, status: 200 };

conformance('RFC 9111 §4.3.2 and RFC 9110 §13.1.2, If-None-Match', () => {
  const cases: [string, string, object][] = [
    ['"a"', '"a"', yes],
    ['"a"', '"b"', no],
    ['"a"', 'W/"a"', yes],
    ['W/"a"', '"a"', yes],
    ['W/"a"', 'W/"a"', yes],
    ['W/"a"', 'W/"b"', no],
    ['"a"', '"x", "a", "y"', yes],
    ['"a"', '"x","a"', yes],
    ['"a"', '"x",W/"a"', yes],
    ['"a"', '"x", "y"', no],
    ['"a"', '*', yes],
    ['"a,b"', '"a,b"', yes],
    ['"a,b"', '"x", "a,b"', yes],
    ['"a, b"', '"a, b"', yes],
    ['a', 'a', yes],
    ['"b"', '"a,b"', no],
    ['"a"', 'a', no],
    ['"A"', '"a"', no],
    ['""', '""', yes],
    ['"a"', '', no],
  ];
  for (const [tag, condition, expected] of cases)
    scenario(`${condition || 'nothing'} ${expected === yes ? 'has' : 'does not have'} ${tag}`, [
      stored({ ETag: tag }),
      { headers: { 'If-None-Match': condition }, ...expected },
    ]);
  scenario('several lines are one list', [
    stored({ ETag: '"a"' }),
    {
      headers: [
        ['If-None-Match', '"x"'],
        ['If-None-Match', '"a"'],
      ],
      ...yes,
    },
  ]);
  scenario('a response without an entity tag has none that could match', [
    stored({}),
    { headers: { 'If-None-Match': '"a"' }, ...no },
    { headers: { 'If-None-Match': '*' }, ...yes },
  ]);
  scenario('for HEAD too', [
    stored({ ETag: '"a"' }),
    { method: 'HEAD', headers: { 'If-None-Match': '"a"' }, ...yes },
  ]);
  scenario('of a stored 404: "MUST ignore all received preconditions"', [
    stored({ ETag: '"a"' }, 404),
    { headers: { 'If-None-Match': '"a"' }, hit: 0, status: 404 },
  ]);
  scenario('"MUST ignore If-Modified-Since if the request contains an If-None-Match"', [
    stored({ ETag: '"a"', 'Last-Modified': LM }),
    { headers: { 'If-None-Match': '"b"', 'If-Modified-Since': LM }, ...no },
    { headers: { 'If-None-Match': '"a"', 'If-Modified-Since': 'Thu, 01 Jan 1998 00:00:00 GMT' }, ...yes },
  ]);
  scenario('RFC 9110 §15.4.5: a 304 "MUST generate" what a 200 would have had to guide a cache', [
    stored({ ETag: '"a"', Vary: 'Foo', 'Content-Location': '/x', Expires: LM, 'Content-Type': 'text/x' }),
    {
      headers: { 'If-None-Match': '"a"' },
      ...yes,
      has: {
        ETag: '"a"',
        Vary: 'Foo',
        'Content-Location': '/x',
        Expires: LM,
        'Cache-Control': 'max-age=3600',
        Date: /GMT$/,
        Age: '0',
        'Content-Type': null,
        'Content-Length': null,
      },
    },
  ]);
  scenario('on a miss the whole is asked for, and the client told what it has', [
    { headers: { 'If-None-Match': '"a"' }, ...stored({ ETag: '"a"' }), status: 304 },
    { hit: 0 },
  ]);
});

conformance('RFC 9111 §4.3.2 and RFC 9110 §13.1.3, If-Modified-Since', () => {
  const cases: [string, object][] = [
    [LM, yes],
    ['Fri, 02 Jan 2026 00:00:00 GMT', yes],
    ['Wed, 31 Dec 2025 23:59:59 GMT', no],
    ['Thursday, 01-Jan-26 00:00:00 GMT', yes],
    ['Thu Jan  1 00:00:00 2026', yes],
    ['yesterday', no],
    ['2026-01-01T00:00:00Z', no],
    ['', no],
  ];
  for (const [since, expected] of cases)
    scenario(`${since || 'nothing'} is ${expected === yes ? '' : 'not '}late enough`, [
      stored({ 'Last-Modified': LM }),
      { headers: { 'If-Modified-Since': since }, ...expected },
    ]);
  scenario(
    '"not present in a stored response, a cache SHOULD use the stored response\'s Date" (RFC 9111 §4.3.2)',
    [
      stored({}),
      { wait: 5, headers: { 'If-Modified-Since': LM }, ...no },
      { headers: { 'If-Modified-Since': at(0) }, ...yes },
    ],
  );
});

conformance('RFC 9111 §4.3.2 and RFC 9110 §13.1.1, conditions that only an origin can judge', () => {
  for (const name of ['If-Match', 'If-Unmodified-Since'])
    scenario(`${name} is forwarded and its answer is not stored`, [
      stored({ ETag: '"a"', 'Last-Modified': LM }),
      {
        headers: { [name]: name === 'If-Match' ? '"z"' : LM },
        asks: { [name]: /./ },
        reply: { status: 412, headers: FRESH },
      },
      { hit: 0 },
    ]);
});
