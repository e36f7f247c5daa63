import { describe, test } from '@jest/globals';
import { fewFrameworks } from '../support/app.ts';
import { bodyCases } from './support/body-cases.ts';
import { expressCases } from './support/express-cases.ts';
import { headCases } from './support/head-cases.ts';
import { expectPassed, expectReplayed } from './support/matrix.ts';
import { expressPassedCases, passedCases } from './support/passed-cases.ts';
import { streamCases } from './support/stream-cases.ts';

/*
 * Each case is asked three times: of the app alone, of the app behind an empty cache, and once more. The second
 * answer is the first one byte for byte, and so is the third, which the handler knows nothing of.
 */

describe.each(fewFrameworks)('$name', (framework) => {
  const stored = [...bodyCases, ...headCases, ...streamCases, ...(framework.express ? expressCases : [])];
  const passed = [...passedCases, ...(framework.express ? expressPassedCases : [])];

  test.each(stored)('a response made by $name passes unharmed, and is replayed as it was', (one) =>
    expectReplayed(framework, one),
  );

  test.each(passed)('a response with $name passes unharmed, and is not stored', (one) =>
    expectPassed(framework, one),
  );
});
