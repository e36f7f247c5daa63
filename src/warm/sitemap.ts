/**
 * Parses sitemaps as sitemaps.org defines them. Malformed XML yields the locations that can be read. Entities that a
 * document declares are never expanded.
 */

export interface Sitemap {
  /** Whether the locations are sitemaps, not pages. */
  readonly isIndex: boolean;
  readonly locations: Iterable<string>;
}

/** `undefined` for a text that is neither a `urlset`, nor a `sitemapindex`, nor a list of one URL per line. */
export function parseSitemap(text: string): Sitemap | undefined {
  if (!/^\s*</.test(text)) {
    const firstLine = /\S.*/.exec(text)?.[0] ?? '';
    return isLocation(firstLine) ? { isIndex: false, locations: linesOf(text) } : undefined;
  }
  for (const { kind, value } of tokens(text)) {
    if (kind !== 'tag') continue;
    const root = /^((?:[^\s:/]+:)?)(urlset|sitemapindex)(?![^\s/])/.exec(value);
    if (!root) return undefined;
    // Extensions have `loc` elements too, in another namespace: `image:loc`.
    return { isIndex: root[2] === 'sitemapindex', locations: elements(text, `${root[1]}loc`) };
  }
  return undefined;
}

function isLocation(line: string): boolean {
  return /^https?:\/\/\S+\s*$/i.test(line);
}

function* linesOf(text: string): Generator<string> {
  for (const [line] of text.matchAll(/\S.*/g)) if (isLocation(line)) yield line.trim();
}

/** The texts of the elements with this name. Any tag ends an element, so that a missing end tag does no harm. */
function* elements(text: string, name: string): Generator<string> {
  let content: string | undefined;
  for (const { kind, value } of tokens(text)) {
    if (kind === 'text') {
      if (content !== undefined) content += value;
      continue;
    }
    const trimmed = content?.trim();
    if (trimmed) yield trimmed;
    content = /^[^\s/]+/.exec(value)?.[0] === name ? '' : undefined;
  }
}

interface Token {
  readonly kind: 'tag' | 'text';
  /** A tag without its brackets; a text with its entities decoded. */
  readonly value: string;
}

/**
 * Ends at a bracket that is not closed, because the document may be cut off. The time is linear in the length of the
 * text.
 */
function* tokens(text: string): Generator<Token> {
  let position = 0;
  for (;;) {
    const open = text.indexOf('<', position);
    if (open < 0) return;
    if (open > position) yield { kind: 'text', value: decodeEntities(text.slice(position, open)) };
    const [opening, closing] = BRACKETS.find(([opening]) => text.startsWith(opening, open))!;
    const close = text.indexOf(closing, open + opening.length);
    if (close < 0) return;
    const value = text.slice(open + opening.length, close);
    if (opening === '<![CDATA[') yield { kind: 'text', value };
    else if (opening === '<') yield { kind: 'tag', value };
    position = close + closing.length;
  }
}

/** The longest opening bracket first. */
const BRACKETS = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<?', '?>'],
  ['<!', '>'],
  ['<', '>'],
] as const;

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** An ampersand that begins no known entity stays: the author forgot to encode it. */
function decodeEntities(text: string): string {
  return text.replace(
    /&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#x([\da-f]{1,6}));/gi,
    (whole, name, decimal, hex) => {
      if (name) return ENTITIES[name.toLowerCase()] ?? whole;
      const code = decimal ? Number(decimal) : Number.parseInt(hex, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}
