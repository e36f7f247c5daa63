import { addressOfEntry } from './address.js';
import { facts, h, literal, sentence } from './dom.js';
import { bytes, duration, instant } from './format.js';
import { audienceText } from './summary.js';

/* The result of `cache.explain`. */

/** @param request that is explained. @param link whether to link to the stored response. */
export function explanation(
  { cacheStatus, because, caller, key, variant, stored, refused, failure },
  { method, url },
  link = false,
) {
  const rows = [
    ['Request', literal(`${method} ${url}`)],
    ['Cache-Status', literal(cacheStatus ?? 'none (the cache is disabled)')],
  ];
  if (failure) rows.push(['Failed option', literal(`${failure.option}: ${failure.message}`)]);
  if (because.length > 0) rows.push(['Why', h('ul', {}, because.map(ruleItem))]);
  if (key) rows.push(['Cache key', literal(key.text)]);
  if (caller) rows.push(['Credentials', caller.stranger ? 'none' : literal(caller.credentials.join(', '))]);
  if (stored?.selectors.length > 0) rows.push(['Varies on', literal(stored.selectors.join(', '))]);
  else if (variant?.others) rows.push(['Varies on', 'fields of other stored variants']);
  const place =
    link && stored && key && variant ? addressOfEntry({ id: key.id, variant: variant.id }) : undefined;
  const text = stored ? storedText(stored) : 'nothing';
  rows.push(['Stored', place ? h('a', { href: place }, text) : text]);
  if (stored) rows.push(['For', forText(stored.audience)]);
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

function forText(audience) {
  if (audience === 'everyone') return 'everyone';
  const { same, different, standing } = audience;
  const others = same.filter((shape) => shape !== '').length;
  const strangers = others < same.length;
  return `${audienceText({ strangers, same: others, different: different.length })}. ${STANDINGS[standing]}`;
}

const STANDINGS = {
  same: 'This request may have it.',
  different: 'This request may not: the app gives another response to its kind of callers.',
  unseen: 'For this kind of callers, the app is asked first, and its response compared.',
};
