import { encodeBody } from '../codec/compression.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { mayEncode } from '../http/content-coding.ts';
import { Fault } from '../store/fault.ts';
import type { Commit } from '../store/store.ts';
import type { Core, Fill } from './core.ts';
import {
  type Judged,
  judge,
  personal,
  personalDetail,
  statedBy,
  type ToStore,
  type Verdict,
} from './storability.ts';

/** The verdict on a head. A function of the user's that throws is a reason not to store, and no error of the app's. */
export function judged(x: Exchange, core: Core, running: Fill, head: Judged): Verdict | Promise<Verdict> {
  const failed = (error: unknown): Verdict => {
    core.events.fault({ step: 'option', code: 'error', message: String(error) });
    return { refused: 'error' };
  };
  try {
    const verdict = running.watch.outside(() => judge(x, running, head));
    return verdict instanceof Promise ? verdict.catch(failed) : verdict;
  } catch (error) {
    return failed(error);
  }
}

/**
 * What the app has read of the person up to the end of its response: tells of it, and gives the reason not to store
 * the response, if it is one. Nothing where the response is not stored anyway.
 */
export function readAtEnd(
  x: Exchange,
  core: Core,
  running: Fill,
  head: Judged,
  verdict: Verdict,
): string | undefined {
  const { policy, identity } = running;
  if (verdict.refused !== undefined && !verdict.refused.startsWith('personal')) return undefined;
  if (running.watch.read.size === 0) return undefined;
  const read = personal(x, running, head, statedBy(head, policy).directives);
  if (read.length === 0) return undefined;
  const refused = policy.guard === 'refuse';
  core.events.guard({ read, key: identity.key, refused });
  return refused ? personalDetail(running, read) : undefined;
}

/**
 * A whole response in the encodings that the `compress` option asks for, where that may be and is worth it; as it is
 * otherwise. The client has been answered, and the lease is renewed meanwhile: a purge revokes it as ever.
 * @param sent the head as it went out, with what middleware in front had set.
 */
export async function encoded(
  core: Core,
  { policy }: Fill,
  sent: Judged,
  head: Omit<ToStore, 'encodings'>,
  chunks: readonly Buffer[],
): Promise<{ readonly head: ToStore; readonly chunks: readonly Buffer[] }> {
  const plain = { head: { ...head, encodings: undefined }, chunks };
  const { compress, collapse } = policy;
  if (!compress || !mayEncode(sent.status, sent.headers)) return plain;
  if (statedBy(sent, policy).directives.has('no-transform')) return plain;
  const made = await encodeBody(compress, chunks, collapse.lease).catch((error: unknown) => {
    core.events.fault({ step: 'compress', code: 'error', message: String(error) });
  });
  return made ? { head: { ...head, encodings: made.encodings }, chunks: made.chunks } : plain;
}

/** Stores, if the lease still holds. Resolves to why not, or to nothing. */
export async function commit(x: Exchange, core: Core, stored: Commit): Promise<string | undefined> {
  const startedAt = performance.now();
  // From now on the lease is not renewed: a commit that is lost on its way can arrive no later than it runs out.
  core.leases.drop(stored.lease);
  const committed = await core.store.commit(stored);
  const took = performance.now() - startedAt;
  x.at.store = startedAt - x.startedAt;
  x.took.store = took;
  if (committed instanceof Fault) return committed.code;
  if (!committed) return 'purged';
  const { lease, bytes, ttl, tags } = stored;
  core.events.store({ key: lease.key, bytes: bytes.length, ttl, tags, took });
  return undefined;
}
