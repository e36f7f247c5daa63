const { writeFileSync } = require('node:fs');

/** Ends the output with one plain line, `N passed, N failed`, for readers that do not know jest's own. */
module.exports = class SummaryReporter {
  onRunComplete(_contexts, { numPassedTests, numFailedTests, numRuntimeErrorTestSuites, numPendingTests }) {
    // A suite that could not even be loaded has no tests to count, but has failed.
    const counts = [`${numPassedTests} passed`, `${numFailedTests + numRuntimeErrorTestSuites} failed`];
    if (numPendingTests > 0) counts.push(`${numPendingTests} skipped`);
    const line = counts.join(', ');
    // Whoever runs more than jest (scripts/check.mjs) has the last word itself.
    if (process.env.SUMMARY_FILE) writeFileSync(process.env.SUMMARY_FILE, line);
    // Jest prints its own summary after all reporters have run.
    else process.once('exit', () => process.stderr.write(`\n${line}\n`));
  }
};
