#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { main } from './cli/main.ts';

/** The executable of the command: `npx redis-response-cache`. */

const controller = new AbortController();
// Only once: a second signal ends the process as usual.
process.once('SIGINT', () => controller.abort(130));
process.once('SIGTERM', () => controller.abort(143));

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const { stdin: input, stdout: out, stderr: err, env } = process;
// A reader that closes the pipe (`| head`) has what it wants, so the exit code is 0.
for (const output of [out, err]) output.on('error', () => controller.abort(0));
main(process.argv.slice(2), { input, out, err, env, signal: controller.signal, version }).then((code) => {
  process.exitCode = code;
});
