import { crc32 } from 'node:zlib';
import { decodeIdentity } from '../codec/compression.ts';
import { type Encodings, encodingIn } from '../codec/encodings.ts';
import type { StoredResponse } from '../codec/stored-response.ts';
import { joined } from '../http/cache-control.ts';
import { conditionsOf, notModified } from '../http/conditional.ts';
import { acceptable, type Choice, type Coding, entityTagIn, isDigestField } from '../http/content-coding.ts';
import { field, type StoredFields } from '../http/headers.ts';
import { nominated } from '../http/vary.ts';
import type { Found } from './lookup.ts';
import type { Transaction } from './transaction.ts';

/**
 * Selects the representation of a response that is stored in several encodings (RFC 9110 §12.1). It is selected and
 * decoded before `decide`: damage that is found after the app was called could not become a miss.
 */

/**
 * Adds the selected representation. If the body is damaged, `stored` is undefined and `damaged` has the ref.
 * @param asSent selects the body as the app sent it, whatever the client accepts.
 */
export async function negotiate(t: Transaction, found: Found, asSent: boolean): Promise<Found> {
  const stored = found.stored && (await choose(t, found.stored, asSent));
  return stored || !found.stored
    ? { ...found, stored }
    : { ...found, stored, damaged: [...found.damaged, found.ref] };
}

/** The stored response with the representation for this request; `undefined` where it is damaged. */
export function choose(
  t: Transaction,
  stored: StoredResponse,
  asSent = false,
): StoredResponse | Promise<StoredResponse | undefined> {
  return chooseEncoded(t, stored, asSent) ?? decoded(t, stored, stored.encodings as Encodings);
}

/** The same without decoding; `undefined` where the representation must be decoded. */
export function chooseEncoded(
  t: Transaction,
  stored: StoredResponse,
  asSent = false,
): StoredResponse | undefined {
  const { encodings } = stored;
  if (!encodings) return stored;
  const { choice, known } = asSent ? AS_SENT : choiceFor(t, stored, encodings);
  if (choice !== 'identity') return inCoding(stored, encodings, choice);
  // Nobody reads the body.
  return known || t.method === 'HEAD' ? withIdentity(stored, EMPTY) : undefined;
}

function decoded(
  t: Transaction,
  stored: StoredResponse,
  encodings: Encodings,
): Promise<StoredResponse | undefined> {
  // Nothing larger was ever stored under this policy, whatever the value claims.
  if (encodings.size > t.policy.maxBodySize) return Promise.resolve(undefined);
  return decodeIdentity(stored, encodings).then(
    (body) => withIdentity(stored, body),
    () => undefined,
  );
}

function withIdentity(stored: StoredResponse, body: Buffer): StoredResponse {
  return { ...stored, selected: { coding: 'identity', body } };
}

const EMPTY = Buffer.alloc(0);
const AS_SENT = { choice: 'identity', known: false } as const;

/**
 * The one that the client likes best, unless it names another that it accepts as what it has already: by its entity tag
 * in `If-None-Match`, so that it is not sent another form of the same, or in `If-Range`, so that it gets the rest.
 */
function choiceFor(
  t: Transaction,
  stored: StoredResponse,
  { list }: Encodings,
): { readonly choice: Choice; readonly known: boolean } {
  // "The client is asking for intermediaries to avoid transforming the content" (RFC 9111 §5.2.1.6).
  const asSent = t.directives?.has('no-transform');
  const choices: readonly Choice[] = asSent
    ? ['identity']
    : acceptable(
        t.headers['accept-encoding'],
        list.map(([coding]) => coding),
      );
  const best = { choice: choices[0] ?? 'identity', known: false };
  if (stored.status !== 200) return best;
  const { ifNoneMatch } = conditionsOf(t.headers) ?? {};
  if (ifNoneMatch !== undefined) {
    const choice = choices.find((one) => notModified({ ifNoneMatch }, { etag: etagOf(stored, one) }, 0));
    return choice ? { choice, known: true } : best;
  }
  const ifRange = joined(t.headers['if-range'])?.trim();
  const named = ifRange && choices.find((one) => etagOf(stored, one) === ifRange);
  return named ? { choice: named, known: false } : best;
}

/** The entity tag of a stored response in one of its representations. */
function etagOf(stored: StoredResponse, choice: Choice): string | undefined {
  const etag = field(stored.headers, 'etag');
  if (etag === undefined || choice === 'identity' || !stored.encodings) return etag;
  return entityTagIn(etag, choice, sumOf(encodingIn(stored.body, stored.encodings, choice)));
}

function sumOf(bytes: Buffer): string {
  return crc32(bytes).toString(16).padStart(8, '0');
}

/** What was chosen of stored responses that are read again and again. */
const inCodings = new WeakMap<StoredResponse, Map<Coding, StoredResponse>>();
/** How those are shown. */
const representations = new WeakMap<StoredResponse, StoredResponse>();
function inCoding(stored: StoredResponse, encodings: Encodings, coding: Coding): StoredResponse {
  const made = inCodings.get(stored) ?? new Map<Coding, StoredResponse>();
  inCodings.set(stored, made);
  const body = encodingIn(stored.body, encodings, coding);
  const one = made.get(coding) ?? { ...stored, selected: { coding, body } };
  made.set(coding, one);
  return one;
}

/**
 * A stored response as the representation that was chosen of it: the head and the body that the client is to get, from
 * which parts and confirmations are made as from any other. Where nobody chose, nobody reads it: a refresh.
 */
export function represented(stored: StoredResponse): StoredResponse {
  const { encodings } = stored;
  if (!encodings) return stored;
  const had = representations.get(stored);
  if (had) return had;
  const [first] = encodings.list[0] as Encodings['list'][number];
  const choice = stored.selected ?? { coding: first, body: encodingIn(stored.body, encodings, first) };
  const { coding, body } = choice;
  const length = coding === 'identity' ? encodings.size : body.length;
  const headers = headersIn(stored, coding, length);
  const shown = { ...stored, headers, body, selected: choice, encodings: undefined };
  representations.set(stored, shown);
  return shown;
}

function headersIn(stored: StoredResponse, coding: Choice, length: number): StoredFields {
  const { headers } = stored;
  const kept: (string | readonly string[])[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const [name, value] = [headers[i] as string, headers[i + 1] as string | readonly string[]];
    const lower = name.toLowerCase();
    if (lower === 'content-length' || lower === 'vary') continue;
    // What a later 304 said of the bytes, it said of those without a coding.
    if (coding !== 'identity' && isDigestField(lower)) continue;
    kept.push(name, lower === 'etag' ? (etagOf(stored, coding) as string) : value);
  }
  if (coding !== 'identity') kept.push('Content-Encoding', coding);
  return [...kept, 'Content-Length', String(length), 'Vary', varyOf(headers)];
}

/** "A sender ... to inform recipients that" others get another one (§12.5.5), also with the one that has no coding. */
function varyOf(headers: StoredFields): string {
  const vary = field(headers, 'vary');
  if (!vary) return 'Accept-Encoding';
  return nominated(vary).includes('accept-encoding') ? vary : `${vary}, Accept-Encoding`;
}
