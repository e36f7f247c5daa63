// nginx and Varnish in front of the handler, each configured in a temporary folder. Their CPU is that of all threads
// of all their processes, as the kernel counts it.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { start } from './child.mjs';
import { freePort } from './redis.mjs';

const START_BUDGET_MS = 20_000;

const KINDS = {
  'nginx proxy_cache': {
    binary: 'nginx',
    flag: '-v',
    command: (folder, port, origin) => {
      mkdirSync(join(folder, 'temp'));
      writeFileSync(join(folder, 'nginx.conf'), nginxConf(folder, port, origin));
      return ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')];
    },
  },
  Varnish: {
    binary: 'varnishd',
    flag: '-V',
    command: (folder, port, origin) => {
      writeFileSync(join(folder, 'default.vcl'), vcl(origin));
      const where = [
        '-n',
        join(folder, 'work'),
        '-a',
        `127.0.0.1:${port}`,
        '-f',
        join(folder, 'default.vcl'),
      ];
      return ['-F', '-j', 'none', ...where, '-s', 'malloc,256m'];
    },
  },
};

/** The installed servers as targets, and the names of those that are not installed. */
export function servers() {
  const targets = [];
  const unavailable = [];
  for (const [name, { binary, flag }] of Object.entries(KINDS)) {
    const { error, stderr } = spawnSync(binary, [flag], { encoding: 'utf8' });
    if (error) unavailable.push({ name, why: `no ${binary} on the PATH` });
    // Both print their version to stderr.
    else
      targets.push({
        name,
        on: 'express',
        kind: 'server',
        groups: ['servers'],
        launch: launch(name),
        version: stderr.split('\n')[0].trim(),
      });
  }
  return { targets, unavailable };
}

function launch(name) {
  const { binary, command } = KINDS[name];
  return async (settings) => {
    const origin = await start('./target-process.mjs', { ...settings, name: 'node handler alone' });
    const folder = mkdtempSync(join(tmpdir(), 'rrc-bench-server-'));
    const port = await freePort();
    const server = spawn(binary, command(folder, port, origin.opened), {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const stderr = [];
    server.stderr.on('data', (data) => stderr.push(data));
    const kill = () => {
      for (const pid of processesOf(server.pid)) tryKill(pid);
      rmSync(folder, { recursive: true, force: true });
    };
    process.once('exit', kill);
    const exited = once(server, 'exit');
    exited.catch(() => {});
    const stop = async () => {
      server.kill('SIGTERM');
      await Promise.race([exited, delay(2000, undefined, { ref: false })]);
      kill();
      process.off('exit', kill);
      await origin.stop();
    };
    try {
      await Promise.race([
        listening(port),
        exited.then(() => {
          throw new Error(
            `${binary} ended: ${Buffer.concat(stderr).toString().trim().replaceAll('\n', ' ').slice(0, 200)}`,
          );
        }),
      ]);
    } catch (error) {
      await stop();
      throw error;
    }
    const call = async (method) => {
      if (method !== 'sample') return undefined;
      const { runs } = await origin.call('sample');
      return { ...usage(server.pid), runs };
    };
    return { call, stop, pid: server.pid, opened: port };
  };
}

function nginxConf(folder, port, origin) {
  const own = process.getuid?.() === 0 ? `user ${userInfo().username};` : '';
  return `
${own}
daemon off;
worker_processes 1;
pid ${folder}/pid;
error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000000;
  open_file_cache max=10000;
  client_body_temp_path ${folder}/temp/body;
  fastcgi_temp_path ${folder}/temp/fastcgi;
  uwsgi_temp_path ${folder}/temp/uwsgi;
  scgi_temp_path ${folder}/temp/scgi;
  proxy_temp_path ${folder}/temp/proxy;
  proxy_cache_path ${folder}/cache keys_zone=all:10m use_temp_path=off;
  server {
    listen 127.0.0.1:${port};
    server_tokens off;
    location / {
      proxy_pass http://127.0.0.1:${origin};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache all;
      proxy_cache_valid 200 1h;
      proxy_cache_lock on;
    }
  }
}
`;
}

/** Fields that differ in every answer are removed: the load would parse each head anew. */
function vcl(origin) {
  return `
vcl 4.0;
backend default { .host = "127.0.0.1"; .port = "${origin}"; }
sub vcl_backend_response { set beresp.ttl = 1h; }
sub vcl_deliver { unset resp.http.X-Varnish; unset resp.http.Via; unset resp.http.Accept-Ranges; }
`;
}

async function listening(port) {
  const until = performance.now() + START_BUDGET_MS;
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (performance.now() > until) throw error;
      await delay(50);
    } finally {
      socket.destroy();
    }
  }
}

/** A process and its descendants, by Linux's /proc. */
function processesOf(pid) {
  const children = tasksOf(pid).flatMap((task) => read(`${task}/children`).split(' ').filter(Boolean));
  return [pid, ...children.flatMap((child) => processesOf(Number(child)))];
}

function tasksOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`).map((id) => `/proc/${pid}/task/${id}`);
  } catch {
    return [];
  }
}

/** CPU since the start in microseconds, and memory in bytes. */
function usage(pid) {
  const pids = processesOf(pid);
  const times = pids.flatMap(tasksOf).map((task) => Number(read(`${task}/schedstat`).split(' ')[0] || 0));
  const kilobytes = pids.map((id) =>
    Number(/^Rss:\s+(\d+)/m.exec(read(`/proc/${id}/smaps_rollup`))?.[1] ?? 0),
  );
  const rss = sum(kilobytes) * 1024;
  return { cpu: sum(times) / 1000, rss, peakRss: rss };
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // The process has ended.
    return '';
  }
}

function tryKill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The process has ended.
  }
}

const sum = (values) => values.reduce((total, value) => total + value, 0);
