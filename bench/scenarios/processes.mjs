// One to four processes that share one Redis, or one Cluster of three masters.

import { median, ms, whole } from '../figures.mjs';
import { startCluster } from '../redis.mjs';
import { progress } from '../terminal.mjs';

const COUNTS = [1, 2, 4];
const KEYS = 1000;
/** Of each process: code is compiled by how often it has run. */
const WARM_UP = { count: 8000, seconds: 5 };
const ROUNDS = 5;

export async function processes({ redis, load, catalogue, options, launch }, { title, targets }) {
  const head = ['Redis', 'processes', 'requests/s', 'CPU us', 'Redis us', 'p50', 'p99', 'load busy', ''];
  const [name] = targets;
  const target = catalogue.find((each) => each.name === name);
  // The host is part of the key: one name gives all processes the same keys.
  const headers = { Host: 'bench.example' };
  const requests = Array.from({ length: KEYS }, (_, i) => ({ path: `/1k?${i}`, headers }));

  const row = async (name, store, count) => {
    progress(title, `${name}, ${count} processes`);
    const settings = { prefix: 'shared:', clusterPorts: store.ports };
    const started = await Promise.all(Array.from({ length: count }, () => launch(target, settings)));
    try {
      const ports = started.map(({ opened }) => opened);
      await load.call('learn', { port: ports[0], requests });
      const round = async (length) => {
        const sample = async () => {
          const samples = await Promise.all(started.map(({ call }) => call('sample')));
          const sum = (field) => samples.reduce((total, each) => total + each[field], 0);
          return { cpu: sum('cpu'), runs: sum('runs'), redis: await store.cpu() };
        };
        const before = await sample();
        const plan = { port: ports[0], ports, requests, check: 'same', hit: true };
        const done = await load.call('run', { ...plan, connections: options.connections, ...length });
        const after = await sample();
        const per = (field) => (after[field] - before[field]) / done.answers;
        return { ...done, cpu: per('cpu'), redisCpu: per('redis'), runs: after.runs - before.runs };
      };
      await round({ count: WARM_UP.count * count, seconds: WARM_UP.seconds });
      const rounds = [];
      for (let i = 0; i < ROUNDS; i++) rounds.push(await round({ seconds: 1 }));
      const of = (field) => median(rounds.map((result) => result[field]));
      const defects = new Set(rounds.flatMap(({ wrong }) => wrong.map(([defect]) => defect)));
      if (rounds.some(({ runs }) => runs > 0)) defects.add('the handler ran');
      const cells = [name, `${count}`, whole(of('rate')), of('cpu').toFixed(1), of('redisCpu').toFixed(1)];
      cells.push(ms(of('p50')), ms(of('p99')), of('busy').toFixed(2), [...defects].join('; '));
      return cells;
    } finally {
      await Promise.all(started.map(({ stop }) => stop()));
      await load.call('forget');
      await store.empty();
    }
  };

  const rows = [];
  for (const count of COUNTS) rows.push(await row('one', redis, count));
  const cluster = await startCluster(3);
  try {
    for (const count of COUNTS) rows.push(await row('Cluster of 3', cluster, count));
  } finally {
    cluster.stop();
  }
  return {
    head,
    rows,
    text:
      'Target processes, Redis and the load share the CPUs of this machine. Once those are busy, more processes only ' +
      'divide them, and switching between them costs CPU too: this does not show where the rate ends.',
  };
}
