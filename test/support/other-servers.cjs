/**
 * Servers beside the machine's own: Redis 8 and Valkey 8, from the packages of Debian 13. They are unpacked into a folder, with
 * the libraries that they need, and started through the loader of that folder, so that nothing is installed and any Linux with
 * apt will do.
 */
const { execFileSync } = require('node:child_process');
const { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } = require('node:fs');
const { join, resolve } = require('node:path');

const SUITE = 'trixie';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const CACHE = resolve(__dirname, '../../node_modules/.cache/redis-response-cache/servers');
const MINUTE_MS = 60_000;

/** By what they are called. */
const PACKAGES = { 'Redis 8': 'redis-server', 'Valkey 8': 'valkey-server' };
const SERVERS = Object.keys(PACKAGES);

/** The path of a program that is the server. Blocks while it fetches the packages; throws, saying why, if it cannot. */
function obtainServer(name) {
  const program = PACKAGES[name];
  const started = join(CACHE, program);
  if (existsSync(started)) return started;
  const root = join(CACHE, 'root');
  if (!existsSync(root)) unpack(root);
  const [loader] = [join(root, 'usr/lib64'), join(root, 'lib64')]
    .filter(existsSync)
    .flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)));
  const libraries = readdirSync(join(root, 'usr/lib'))
    .map((folder) => join(root, 'usr/lib', folder))
    .find((folder) => existsSync(join(folder, 'libc.so.6')));
  if (!loader || !libraries) throw new Error('the packages have no loader, or no libc');
  const script = `#!/bin/sh\nexec '${loader}' --library-path '${libraries}' '${join(root, 'usr/bin', program)}' "$@"\n`;
  writeFileSync(started, script, { mode: 0o755 });
  return started;
}

function unpack(root) {
  if (process.platform !== 'linux') throw new Error('only on Linux');
  const work = join(CACHE, `work-${process.pid}`);
  try {
    const lists = join(work, 'lists');
    const archives = join(work, 'cache');
    for (const folder of [join(lists, 'partial'), join(archives, 'archives/partial')])
      mkdirSync(folder, { recursive: true });
    // As if nothing were installed, so that all libraries come along.
    writeFileSync(join(work, 'status'), '');
    writeFileSync(join(work, 'sources.list'), `deb [signed-by=${KEYRING}] ${mirror()} ${SUITE} main\n`);
    const options = [
      `Dir::Etc::sourcelist=${join(work, 'sources.list')}`,
      'Dir::Etc::sourceparts=/dev/null',
      `Dir::State::lists=${lists}`,
      `Dir::State::status=${join(work, 'status')}`,
      `Dir::Cache=${archives}`,
      'Debug::NoLocking=1',
    ].flatMap((option) => ['-o', option]);
    run('apt-get', [...options, '-qq', 'update']);
    const install = ['-qq', '--yes', '--no-install-recommends', '--download-only', 'install'];
    run('apt-get', [...options, ...install, ...Object.values(PACKAGES)]);
    const unpacked = join(work, 'root');
    for (const file of readdirSync(join(archives, 'archives')).filter((name) => name.endsWith('.deb')))
      run('dpkg', ['-x', join(archives, 'archives', file), unpacked]);
    // Another process may have been faster.
    if (!existsSync(root)) renameSync(unpacked, root);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The mirror of Debian that this machine uses. */
function mirror() {
  const uris = run('apt-get', ['indextargets', '--format', '$(REPO_URI)']).split('\n');
  return uris.find((uri) => /\/debian\/?$/.test(uri)) ?? 'http://deb.debian.org/debian';
}

function run(command, args) {
  try {
    return execFileSync(command, args, {
      timeout: 3 * MINUTE_MS,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    const told = String(error.stderr ?? '').trim() || error.message;
    throw new Error(`${command}: ${told.split('\n')[0]}`);
  }
}

module.exports = { obtainServer, SERVERS };
