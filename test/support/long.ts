/** Whether this is `npm run test:long`, which takes the time that `npm test` has not. */
const LONG = process.env.TEST_LONG === '1';

/** What a test is about in `npm test`, and in `npm run test:long`: a size, a list of cases. */
export function sized<T>(short: T, long: T): T {
  return LONG ? long : short;
}
