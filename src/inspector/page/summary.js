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
    h('span', { class: 'soft' }, literal(`${method} ${hasOrigin ? origin : ''}`)),
    h('wbr'),
    literal(path),
  );
}

/** The tag of a URL is the cache's own: by it a purge finds a response under a key of the app, whatever its query. */
const isOwnTag = (tag) => /^@https?:/.test(tag);

/** The tags that the app has given to a response. */
export const tagsOfApp = ({ tags = [] }) => tags.filter((tag) => !isOwnTag(tag));

/** The URL of a response under a key of the app, without the query; `undefined` if it is not known. */
export const pathOf = ({ tags = [] }) => tags.find(isOwnTag)?.slice(1);

/** What selected the variant: request header fields, values placed in front, and what the `vary` option declares. */
export function variantOf({ variesOn = {}, declaredParts = '' }) {
  const fields = Object.entries(variesOn).map(([name, value]) => partText(name, value));
  return [...fields, ...declaredTexts(declaredParts)].join(' · ');
}

/** The fields of a request that selects the variant. What middleware in front places, no request can bring. */
export function selectingFields({ variesOn }) {
  const fields = Object.entries(variesOn);
  return Object.fromEntries(
    fields.filter(([name, value]) => value !== null && !/^(?:req|res\.locals)\./.test(name)),
  );
}

/** Who may have the response. @param audience a summary's, or an explanation's with `same` and `different` counted. */
export function audienceText(audience) {
  if (audience === 'everyone') return 'everyone';
  const { strangers, same, different } = audience;
  const some = [strangers ? 'requests without credentials' : '', same > 0 ? kinds(same) : ''].filter(Boolean);
  const others = different > 0 ? `, not ${kinds(different)} who got another response` : '';
  return `${some.join(' and ') || 'nobody'}${others}`;
}

const kinds = (number) => `${number} ${number === 1 ? 'kind' : 'kinds'} of callers`;

function declaredTexts(json) {
  if (json === '') return [];
  try {
    return JSON.parse(json).map(([kind, ...rest]) => declaredText(kind, rest));
  } catch {
    return [json];
  }
}

function declaredText(kind, [first, ...others]) {
  if (kind === 'header') return partText(first, others[0]);
  // A request may have several cookies of this name, each as `name=value`.
  if (kind === 'cookie') return others.length > 0 ? `cookie ${others.join('; ')}` : `no cookie ${first}`;
  return partText(kind, first === null || typeof first === 'string' ? first : JSON.stringify(first));
}

function partText(name, value) {
  return value === null ? `no ${name}` : `${name}: ${value}`;
}

const REASONS = {
  'unknown-key': 'unknown encryption key',
  unencrypted: 'not encrypted',
  damaged: 'damaged',
  'too-large': 'too large to show',
};

export function freshness({ readable, reason, stale, purged, ttlMs }) {
  if (!readable) return h('span', { class: 'state damaged' }, REASONS[reason]);
  if (purged) return h('span', { class: 'state stale' }, 'stale (soft purge)');
  if (stale) return h('span', { class: 'state stale' }, `stale for ${duration(-ttlMs)}`);
  return h('span', { class: 'state fresh' }, `fresh for ${duration(ttlMs)}`);
}
