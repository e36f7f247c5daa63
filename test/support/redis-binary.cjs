/**
 * Where the tests and the demo get their redis-server from. CommonJS, so that both jest's setup
 * and a plain Node script can load it.
 */
const { execFileSync } = require('node:child_process');
const { accessSync, constants, statSync } = require('node:fs');
const { delimiter, join } = require('node:path');

const SECONDS = 1000;
const MINUTES = 60 * SECONDS;

/** The path of the redis-server of this machine, or undefined. `REDIS_SERVER` overrides PATH. */
function findRedisServer() {
  const named = process.env.REDIS_SERVER;
  if (named && !isExecutable(named)) throw new Error(`REDIS_SERVER is not an executable file: ${named}`);
  return named || onPath('redis-server');
}

/**
 * As `findRedisServer`, but goes and gets one where there is none: Debian's package when allowed to
 * install it, else a build from source. Blocks while it does; throws, saying what to do, if all fails.
 */
function obtainRedisServer() {
  const found = findRedisServer();
  if (found) return found;
  const failures = [];
  for (const [way, attempt] of [
    ['apt-get', () => installFromDebian()],
    ['a build', buildFromSource],
  ]) {
    try {
      return attempt();
    } catch (error) {
      failures.push(`- ${way}: ${firstLine(error)}`);
    }
  }
  throw new Error(
    [
      'The tests need a redis-server, and there is none on PATH.',
      ...failures,
      'Install one (Debian: apt-get install redis-server; macOS: brew install redis), or set REDIS_SERVER to its path.',
    ].join('\n'),
  );
}

/** Installs the package of this name, and gives the path of its program, which has the same. */
function installFromDebian(name = 'redis-server') {
  if (process.getuid?.() !== 0) throw new Error('not root');
  if (!onPath('apt-get')) throw new Error('no apt-get');
  notice(`No ${name} on PATH: installing the one of this Debian with apt-get.`);
  run('apt-get', ['-qq', 'update'], 2 * MINUTES);
  run('apt-get', ['-qq', 'install', '--yes', '--no-install-recommends', name], 3 * MINUTES);
  return onPath(name) ?? fail('apt-get put none on PATH');
}

/** redis-memory-server keeps what it built under node_modules/.cache: only the first run is slow. */
function buildFromSource() {
  // Checked first, because it would find this out only after the download.
  for (const tool of ['make', 'cc']) if (!onPath(tool)) throw new Error(`no ${tool}`);
  notice('No redis-server on PATH: redis-memory-server fetches the sources and builds one.');
  const builder = require.resolve('redis-memory-server/lib/util/RedisBinary');
  const script = `require(${JSON.stringify(builder)}).default.getPath().then(console.log, ({ message }) => {
    console.error(message);
    process.exit(1);
  })`;
  const output = run(process.execPath, ['-e', script], 8 * MINUTES).trim();
  return output.split('\n').at(-1) || fail('built none');
}

function run(command, args, timeout) {
  return execFileSync(command, args, {
    timeout,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    // The build's download checks certificates only when npm's setting is spelt out.
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', npm_config_strict_ssl: 'true' },
  });
}

function onPath(name) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function firstLine(error) {
  const told = String(error.stderr ?? '').trim() || error.message;
  return error.code === 'ETIMEDOUT' ? 'timed out' : told.split('\n')[0];
}

function notice(text) {
  process.stderr.write(`${text}\n`);
}

function fail(message) {
  throw new Error(message);
}

module.exports = { findRedisServer, obtainRedisServer, installFromDebian, onPath };
