// npm run servers [-- ARGUMENT OF JEST...]     the tests of the store on Redis 8 and Valkey 8, one after the other

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { obtainServer, SERVERS } from '../test/support/other-servers.cjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** What depends on the server. */
const SUITES = ['test/stores', 'test/coherence', 'test/near', 'test/faults', 'test/purge', 'test/collapse'];

for (const name of SERVERS) {
  console.log(`\n${name}`);
  const { status } = spawnSync('npx', ['jest', ...SUITES, ...process.argv.slice(2)], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, REDIS_SERVER: obtainServer(name) },
  });
  if (status !== 0) process.exitCode = 1;
}
