import { h, literal } from './dom.js';
import { duration } from './format.js';

/* How the page names a stored response, and how it shows the freshness. */

/** The cache key; method and origin are subdued, because most keys share them. */
export function keyOf({ key, method, url }) {
  if (key === undefined) return h('span', { class: 'soft' }, 'Unknown key');
  if (!url || !URL.canParse(url)) return literal(key);
  const { origin } = new URL(url);
  const hasOrigin = url.startsWith(origin);
  const path = hasOrigin ? url.slice(origin.length) : url;
  return h(
    'span',
    {},
    h('span', { class: 'soft' }, `${method} `, hasOrigin ? literal(origin) : ''),
    h('wbr'),
    literal(path),
  );
}

export function variantOf({ variesOn = {}, declaredParts = '' }) {
  const fields = Object.entries(variesOn).map(([name, value]) =>
    value === null ? `no ${name}` : `${name}: ${value}`,
  );
  return [...fields, ...(declaredParts ? [declaredParts] : [])].join(' · ');
}

const REASONS = {
  'unknown-key': 'unknown encryption key',
  unencrypted: 'not encrypted',
  damaged: 'damaged',
};

export function freshness({ readable, reason, stale, purged, ttlMs }) {
  if (!readable) return h('span', { class: 'state damaged' }, REASONS[reason]);
  if (purged) return h('span', { class: 'state stale' }, 'stale (soft purge)');
  if (stale) return h('span', { class: 'state stale' }, `stale for ${duration(-ttlMs)}`);
  return h('span', { class: 'state fresh' }, `fresh for ${duration(ttlMs)}`);
}
