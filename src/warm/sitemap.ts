/** Reading sitemaps as sitemaps.org has them. What is no sound XML gives what can be read of it; nothing is expanded. */

export interface Sitemap {
  /** Whether its locations are sitemaps themselves. */
  readonly isIndex: boolean;
  readonly locations: Iterable<string>;
}

/** `undefined` for what is neither a `urlset`, nor a `sitemapindex`, nor a text of one URL per line. */
export function parseSitemap(text: string): Sitemap | undefined {
  if (!/^\s*</.test(text)) {
    const first = /\S.*/.exec(text)?.[0] ?? '';
    return isLocation(first) ? { isIndex: false, locations: linesOf(text) } : undefined;
  }
  for (const { kind, value } of tokens(text)) {
    if (kind !== 'tag') continue;
    const root = /^((?:[^\s:/]+:)?)(urlset|sitemapindex)(?![^\s/])/.exec(value);
    if (!root) return undefined;
    // Extensions have locations too: those of images, in a namespace of their own.
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

/** The texts of the elements of a name. Each ends with the next tag, whichever that is. */
function* elements(text: string, name: string): Generator<string> {
  let content: string | undefined;
  for (const { kind, value } of tokens(text)) {
    if (kind === 'text') {
      if (content !== undefined) content += value;
      continue;
    }
    const found = content?.trim();
    if (found) yield found;
    content = /^[^\s/]+/.exec(value)?.[0] === name ? '' : undefined;
  }
}

interface Token {
  readonly kind: 'tag' | 'text';
  /** What is between the brackets of a tag; a text without entities. */
  readonly value: string;
}

/** Ends where something is not closed, since it may have been cut off. Each character is looked at a few times at most. */
function* tokens(text: string): Generator<Token> {
  for (let at = 0; ; ) {
    const open = text.indexOf('<', at);
    if (open < 0) return;
    if (open > at) yield { kind: 'text', value: decoded(text.slice(at, open)) };
    const [opening, closing] = BRACKETS.find(([opening]) => text.startsWith(opening, open))!;
    const close = text.indexOf(closing, open + opening.length);
    if (close < 0) return;
    const value = text.slice(open + opening.length, close);
    if (opening === '<![CDATA[') yield { kind: 'text', value };
    else if (opening === '<') yield { kind: 'tag', value };
    at = close + closing.length;
  }
}

const BRACKETS = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<?', '?>'],
  ['<!', '>'],
  ['<', '>'],
] as const;

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** An ampersand that begins no entity is one that was forgotten to be encoded. */
function decoded(text: string): string {
  return text.replace(
    /&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#x([\da-f]{1,6}));/gi,
    (whole, name, decimal, hex) => {
      if (name) return ENTITIES[name.toLowerCase()] ?? whole;
      const code = decimal ? Number(decimal) : Number.parseInt(hex, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}
