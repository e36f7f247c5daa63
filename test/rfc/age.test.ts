import { at } from './support/fields.ts';
import { conformance, FRESH, notReused, reused, scenario } from './support/scenario.ts';

const of = (age: string) => ({ ...FRESH, Age: age }) as Record<string, string>;

conformance('RFC 9111 §4.2.3, calculating age', () => {
  notReused('"age_value" counts towards the current age', of('3600'));
  reused('an age below the lifetime leaves it fresh', of('3598'));
  notReused('"apparent_age = max(0, response_time - date_value)"', { ...FRESH, Date: at(-3600) });
  reused('a Date to come is no age', { ...FRESH, Date: at(3600) });
  notReused('"corrected_initial_age = max(apparent_age, corrected_age_value)": Date is older', {
    ...of('0'),
    Date: at(-3600),
  });
  scenario('"response_delay = response_time - request_time" counts for a response from elsewhere', [
    { reply: { headers: { 'Cache-Control': 'max-age=10', Age: '5' }, takes: 3 } },
    { wait: 1, hit: 0, has: { Age: '9' } },
    { wait: 1 },
  ]);
  scenario('a stored Date is kept as it was', [
    { reply: { headers: { ...FRESH, Date: 'Thu, 01 Jan 2026 00:00:00 GMT', Age: '0' } } },
    { wait: 1, status: 200 },
  ]);
});

conformance('RFC 9111 §5.1, Age', () => {
  scenario('"a stored response ... MUST generate an Age header field"', [
    { reply: { headers: FRESH }, has: { Age: null } },
    { hit: 0, has: { Age: '0' } },
    { wait: 30, hit: 0, has: { Age: '30' } },
  ]);
  scenario('"replacing any existing Age": it grows from what was received, and is there once', [
    { reply: { headers: of('100') }, has: { Age: '100' } },
    { wait: 20, hit: 0, has: { Age: '120' } },
  ]);
  scenario('the age that Date shows', [
    { reply: { headers: { ...FRESH, Date: at(-50) } } },
    { wait: 5, hit: 0, has: { Age: '55' } },
  ]);
  for (const value of ['7200, 0', '7200,0', '99999999999999999999', '2147483648', '007200'])
    notReused(`Age: ${value}, "SHOULD use the first member"`, of(value));
  for (const value of ['0, 7200', '0,7200'])
    reused(`Age: ${value}, "SHOULD use the first member"`, of(value));
  for (const value of ['-7200', '7200.5', '7200;x=1', 'a7200', '7200a', '"7200"', '', '+7200', '7200 7200'])
    reused(`Age: ${value} is invalid, "SHOULD ignore the field"`, of(value));
  notReused('of two Age lines the first is used, 7200', [
    ['Cache-Control', 'max-age=3600'],
    ['Age', '7200'],
    ['Age', '0'],
  ]);
  reused('of two Age lines the first is used, 0', [
    ['Cache-Control', 'max-age=3600'],
    ['Age', '0'],
    ['Age', '7200'],
  ]);
});
