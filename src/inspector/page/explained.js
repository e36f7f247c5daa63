import { h, literal, sentence } from './dom.js';
import { bytes, duration, instant } from './format.js';

/* What `cache.explain` says, in lines. */

export function explained({ cacheStatus, because, key, variant, stored, refused }) {
  const reasons = because.map(({ word, says, see }) =>
    h('li', {}, h('code', {}, word), ' ', sentence(says), see ? h('span', { class: 'see' }, ` ${see}`) : ''),
  );
  const rows = [
    ['Cache-Status', literal(cacheStatus ?? 'none: the cache is off')],
    ...(reasons.length > 0 ? [['Because', h('ul', {}, reasons)]] : []),
    ...(key ? [['Key', literal(key.text)]] : []),
    ...(variant?.others || variant?.vary ? [['Varies by', literal(variant.vary ?? 'fields of others')]] : []),
    ['Stored', stored ? storedText(stored) : 'nothing'],
    ...(refused
      ? [
          [
            'Last refused',
            h(
              'span',
              {},
              h('code', {}, refused.word),
              ' ',
              sentence(refused.says),
              ` (${instant(refused.at)})`,
            ),
          ],
        ]
      : []),
  ];
  return [
    h(
      'dl',
      { class: 'facts' },
      rows.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
    ),
  ];
}

function storedText({ status, age, ttl, size, purged }) {
  const freshness = purged
    ? 'purged softly'
    : ttl > 0
      ? `fresh for ${duration(ttl)}`
      : `stale for ${duration(-ttl)}`;
  return `${status}, ${bytes(size)}, age ${duration(age)}, ${freshness}`;
}
