import { h, literal } from './dom.js';
import { duration } from './format.js';

/* What names a stored response, and how fresh it is. */

/** The parts of a key that tell it from others are the ones to be seen. */
export function keyOf({ key, method, url }) {
  if (key === undefined) return h('span', { class: 'soft' }, 'unknown key');
  if (!url || !URL.canParse(url)) return literal(key);
  const { origin } = new URL(url);
  const rest = url.startsWith(origin) ? url.slice(origin.length) : url;
  return h(
    'span',
    {},
    h('span', { class: 'soft' }, `${method} `, rest === url ? '' : literal(origin)),
    h('wbr'),
    literal(rest),
  );
}

export function variantOf({ variesOn = {}, declared = '' }) {
  const parts = Object.entries(variesOn).map(([name, value]) =>
    value === null ? `no ${name}` : `${name}: ${value}`,
  );
  return [...parts, ...(declared ? [declared] : [])].join(' · ');
}

export function freshness({ stale, purged, ttl, damaged }) {
  if (damaged) return h('span', { class: 'state damaged' }, 'damaged');
  if (purged) return h('span', { class: 'state stale' }, 'purged softly');
  if (stale) return h('span', { class: 'state stale' }, `stale for ${duration(-ttl)}`);
  return h('span', { class: 'state fresh' }, `fresh, ${duration(ttl)} left`);
}
