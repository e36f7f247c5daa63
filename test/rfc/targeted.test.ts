import type { Fields } from './support/fields.ts';
import { conformance, FRESH, notReused, reused, scenario } from './support/scenario.ts';

const field = (cdn: string | string[], cc?: string, more: object = {}): Fields =>
  ({ 'CDN-Cache-Control': cdn, ...(cc && { 'Cache-Control': cc }), ...more }) as Fields;
const PAST = 'Thu, 01 Jan 1998 00:00:00 GMT';

conformance(
  'RFC 9213, targeted cache control',
  () => {
    reused('"instead of" Cache-Control: max-age', field('max-age=3600', 'max-age=0'));
    reused('"instead of" Cache-Control: no-store', field('max-age=3600', 'no-store'));
    reused('"instead of" Cache-Control: private', field('max-age=3600', 'private, no-cache'));
    reused('"MUST ... ignore Expires"', field('max-age=3600', undefined, { Expires: PAST }));
    notReused('max-age=0', field('max-age=0', 'max-age=3600'));
    notReused('no-store', field('no-store', 'max-age=3600'));
    notReused('private', field('private', 'max-age=3600'));
    notReused('no-cache', field('no-cache', 'max-age=3600'));
    notReused('Age counts', field('max-age=3600', undefined, { Age: '3600' }));
    notReused('must-understand of a status that is not', field('max-age=3600, must-understand'), {
      status: 499,
    });
    reused(
      '"If a targeted field in a given response is empty" it "MUST be ignored"',
      field('', 'max-age=3600'),
    );
    for (const invalid of [
      'max-age=3600, &foo',
      'max-age=0,',
      'Max-Age=0',
      'max-age= 0',
      'max-age="',
      'a b',
      'no-store;',
      '=1',
    ])
      reused(`"or a parsing error is encountered": ${invalid}`, field(invalid, 'max-age=3600'));
    notReused('a parameter changes nothing', field('max-age=0;x=1', 'max-age=3600'));
    notReused('a lifetime in a String is none', field('max-age="3600"'));
    notReused('nor is one with a fraction', field('max-age=3600.0'));
    notReused('nor a negative one', field('max-age=-1', 'max-age=3600'));
    reused('unknown members are ignored', field('foo, bar="x", baz=(1 2), max-age=3600', 'no-store'));
    notReused('the last of two members counts', field('max-age=3600, max-age=0'));
    reused('several lines are one Dictionary', field(['foo', 'max-age=3600'], 'no-store'));
    notReused('false is not stated', field('max-age=3600, no-store=?1'));
    reused('false is not stated: no-store=?0', field('max-age=3600, no-store=?0'));
    scenario('the field is passed on', [
      { reply: { headers: field('max-age=3600', 'no-store') }, has: { 'CDN-Cache-Control': 'max-age=3600' } },
      { hit: 0, has: { 'CDN-Cache-Control': 'max-age=3600', 'Cache-Control': 'no-store' } },
    ]);
    notReused('a field for somebody else means nothing', { 'Other-Cache-Control': 'max-age=3600' });
    reused('without one Cache-Control decides', FRESH);
    scenario('stale rules are those of the targeted field', [
      { reply: { headers: field('max-age=10, must-revalidate', 'max-age=10') } },
      { wait: 11, headers: { 'Cache-Control': 'max-stale' } },
    ]);
  },
  { targeted: ['CDN-Cache-Control'] },
);

conformance(
  'RFC 9213 §2.2, a target list of two',
  () => {
    const both = (mine: string, cdn: string): Fields => ({
      'Mine-Cache-Control': mine,
      'CDN-Cache-Control': cdn,
    });
    reused('the first in the list, not in the response', {
      'CDN-Cache-Control': 'no-store',
      'Mine-Cache-Control': 'max-age=60',
    });
    notReused('even where it forbids more', both('no-store', 'max-age=60'));
    reused('the next where the first is invalid', both('&&', 'max-age=60'));
    reused('the next where the first is empty', both('', 'max-age=60'));
  },
  { targeted: ['Mine-Cache-Control', 'CDN-Cache-Control'] },
);

conformance('RFC 9213, not obeyed unless told to', () => {
  notReused('a targeted field is an unknown field', field('max-age=3600'));
  reused('and forbids nothing', field('no-store', 'max-age=3600'));
});
