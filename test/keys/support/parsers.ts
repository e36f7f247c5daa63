import { createRequire } from 'node:module';
import { parse as simple } from 'node:querystring';

/** A query as an app sees it: by name, everything that the parser makes of that name. */
type Seen = Readonly<Record<string, unknown>>;

/** From a request's URL to its query, as some app reads it. */
export type Reader = (url: string) => Seen;

interface Qs {
  parse(text: string, options?: object): Seen;
}
type ParseUrl = (req: { url: string }) => { query: string | null };

const express5 = createRequire(require.resolve('express'));
const express4 = createRequire(require.resolve('express4'));
const [qs5, qs4] = [express5('qs') as Qs, express4('qs') as Qs];
const parseUrl = express5('parseurl') as ParseUrl;

/** The query that Express and Connect hand to their parser. */
const queryOf = (url: string): string => parseUrl({ url }).query ?? '';

/** What stands behind the first question mark, for who reads a URL by hand. */
const tailOf = (url: string): string => (url.includes('?') ? url.slice(url.indexOf('?') + 1) : '');

const byName = (parameters: URLSearchParams): Seen => {
  const seen = Object.create(null) as Record<string, string[]>;
  for (const [name, value] of parameters) {
    seen[name] ??= [];
    seen[name].push(value);
  }
  return seen;
};

/** The ways in which the apps of this world read a query. */
export const READERS: Readonly<Record<string, Reader>> = {
  'Express 5, extended': (url) => qs5.parse(queryOf(url), { allowPrototypes: true }),
  'Express 4, extended': (url) => qs4.parse(queryOf(url), { allowPrototypes: true }),
  'Express, simple': (url) => simple(queryOf(url)),
  'qs with dots': (url) => qs5.parse(queryOf(url), { allowDots: true, plainObjects: true }),
  'qs with commas': (url) => qs5.parse(queryOf(url), { comma: true, plainObjects: true }),
  'qs, the last of a name': (url) => qs5.parse(queryOf(url), { duplicates: 'last', plainObjects: true }),
  'qs at semicolons too': (url) => qs5.parse(queryOf(url), { delimiter: /[&;]/, plainObjects: true }),
  'qs without a question mark in front': (url) =>
    qs5.parse(tailOf(url), { ignoreQueryPrefix: true, plainObjects: true }),
  'URL.searchParams': (url) => byName(new URL(`http://host${url}`).searchParams),
  'URLSearchParams of the tail': (url) => byName(new URLSearchParams(tailOf(url))),
  'querystring of the tail': (url) => simple(tailOf(url)),
};
