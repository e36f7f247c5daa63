import { h } from './dom.js';

/* Which store the cache has, and the state in which the cache is. */

export function storeText({ store }) {
  return store ? String(store.address ?? store.kind ?? '') : '';
}

export function storeBadges({ shadow }) {
  return shadow ? [h('span', { class: 'badge warn' }, 'Shadow mode: the app answers every request')] : [];
}
