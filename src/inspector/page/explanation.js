import { facts, h, literal, sentence } from './dom.js';
import { bytes, duration, instant } from './format.js';

/* The result of `cache.explain`. */

export function explanation({ cacheStatus, because, key, variant, stored, refused }) {
  const rows = [['Cache-Status', literal(cacheStatus ?? 'none (the cache is disabled)')]];
  if (because.length > 0) rows.push(['Why', h('ul', {}, because.map(ruleItem))]);
  if (key) rows.push(['Cache key', literal(key.text)]);
  if (variant?.vary) rows.push(['Varies on', literal(variant.vary)]);
  else if (variant?.others) rows.push(['Varies on', 'fields of other stored variants']);
  rows.push(['Stored', stored ? storedText(stored) : 'nothing']);
  if (refused) rows.push(['Last not stored', refusal(refused)]);
  return facts(rows);
}

function ruleItem({ word, says, see }) {
  const reference = see ? h('span', { class: 'see' }, ` ${see}`) : '';
  return h('li', {}, h('code', {}, word), ' ', sentence(says), reference);
}

function refusal({ word, says, at }) {
  return h('span', {}, h('code', {}, word), ' ', sentence(says), ` (${instant(at)})`);
}

function storedText({ status, ageMs, ttlMs, size, purged }) {
  const fresh = ttlMs > 0 ? `fresh for ${duration(ttlMs)}` : `stale for ${duration(-ttlMs)}`;
  const freshness = purged ? 'stale (soft purge)' : fresh;
  return `status ${status}, ${bytes(size)}, age ${duration(ageMs)}, ${freshness}`;
}
