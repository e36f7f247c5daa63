import type { StoredFields } from '../http/headers.ts';
import { isStoredEncodings, type StoredEncodings } from './encodings.ts';

/** What a stored value says of its response, all but the body: a JSON array, to be trusted in nothing. */
export type Metadata = [
  key: string,
  variant: string,
  status: number,
  message: string,
  headers: StoredFields,
  removed: string[],
  ageing: [
    bornAt: number,
    lifetime: number,
    rules: number,
    staleIfError: number,
    staleWhileRevalidate: number,
    took: number,
  ],
  tags: string[],
  locals: Record<string, unknown> | null,
  encodings?: StoredEncodings,
];

export const FIELD_NAME: RegExp = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const NOT_IN_FIELD_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** @param encoded the length of a body that is made of encodings. */
export function isMetadata(m: unknown, encoded: number | undefined): m is Metadata {
  if (!Array.isArray(m) || m.length !== (encoded === undefined ? 9 : 10)) return false;
  const [key, variant, status, message, headers, removed, ageing, tags, locals, encodings] = m;
  return (
    typeof key === 'string' &&
    typeof variant === 'string' &&
    Number.isInteger(status) &&
    status >= 200 &&
    status <= 999 &&
    typeof message === 'string' &&
    !NOT_IN_FIELD_VALUE.test(message) &&
    isHeaderList(headers) &&
    isTexts(removed) &&
    isTexts(tags) &&
    Array.isArray(ageing) &&
    ageing.length === 6 &&
    ageing.every((value) => Number.isFinite(value)) &&
    typeof locals === 'object' &&
    !Array.isArray(locals) &&
    (encoded === undefined || isStoredEncodings(encodings, encoded))
  );
}

function isTexts(list: unknown): boolean {
  return Array.isArray(list) && list.every((text) => typeof text === 'string');
}

function isHeaderList(headers: unknown): headers is StoredFields {
  if (!Array.isArray(headers) || headers.length % 2 !== 0) return false;
  for (let i = 0; i < headers.length; i += 2) {
    const value: unknown = headers[i + 1];
    if (typeof headers[i] !== 'string' || !FIELD_NAME.test(headers[i])) return false;
    if (!(Array.isArray(value) ? value.every(isFieldValue) : isFieldValue(value))) return false;
  }
  return true;
}

function isFieldValue(value: unknown): boolean {
  return typeof value === 'string' && !NOT_IN_FIELD_VALUE.test(value);
}
