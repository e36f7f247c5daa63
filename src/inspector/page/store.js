import { h } from './dom.js';

/* Which store the cache has, and the state in which the cache is. */

const KINDS = { redis: 'Redis', cluster: 'Redis Cluster' };

export function storeText({ store, storeAddress }) {
  if (store === 'memory') return 'this process’s memory';
  return [KINDS[store] ?? store, storeAddress].filter(Boolean).join(' ');
}

export function storeBadges({ mode, storeAvailable }) {
  const badges = [];
  if (!storeAvailable) badges.push(['problem', 'No connection to the store: the app answers every request']);
  if (mode === 'shadow') badges.push(['warn', 'Shadow mode: the app answers every request']);
  return badges.map(([kind, text]) => h('span', { class: `badge ${kind}` }, text));
}
