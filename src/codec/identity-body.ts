import { decoded } from './compression.ts';
import { type Encodings, encodingIn } from './encodings.ts';
import type { StoredResponse } from './stored-response.ts';

/** Decodings under way, for all who wait for the same. */
const decodings = new WeakMap<StoredResponse, Promise<Buffer>>();

/** The body as the app sent it. It rejects where it is damaged. */
export function identityOf(stored: StoredResponse, encodings: Encodings): Promise<Buffer> {
  const underWay = decodings.get(stored);
  if (underWay) return underWay;
  // The last is gzip wherever it is stored, and the fastest.
  const [coding] = encodings.list.at(-1) as Encodings['list'][number];
  const decoding = decoded(coding, encodingIn(stored.body, encodings, coding), encodings.size);
  const done = decoding.finally(() => decodings.delete(stored));
  decodings.set(stored, done);
  return done;
}
