#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { main } from './cli/main.ts';

/** The command as a process: `npx redis-response-cache`. */

// A second signal ends it at once, as if nobody listened.
const controller = new AbortController();
process.once('SIGINT', () => controller.abort(130));
process.once('SIGTERM', () => controller.abort(143));

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const { stdin: input, stdout: out, stderr: err, env } = process;
// Who reads no further (`| head`) has had enough, which is no failure.
for (const output of [out, err]) output.on('error', () => controller.abort(0));
main(process.argv.slice(2), { input, out, err, env, signal: controller.signal, version }).then((code) => {
  process.exitCode = code;
});
