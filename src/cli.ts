#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { main } from './cli/main.ts';

/** The command as a process: `npx redis-response-cache`. */

// A second signal ends it at once, as if nobody listened.
const controller = new AbortController();
process.once('SIGINT', () => controller.abort(130));
process.once('SIGTERM', () => controller.abort(143));

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const { stdout: out, stderr: err } = process;
main(process.argv.slice(2), { out, err, signal: controller.signal, version }).then((code) => {
  process.exitCode = code;
});
