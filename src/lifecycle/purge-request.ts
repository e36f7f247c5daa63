import { createHash, timingSafeEqual } from 'node:crypto';
import type { Exchange } from '../exchange/exchange.ts';
import { FIELDS } from '../exchange/guard/views.ts';
import { sendJson } from '../exchange/replay.ts';
import { identify } from '../key/identify.ts';
import { cacheStatus } from '../observe/cache-status.ts';
import type { Outcome } from '../observe/outcome.ts';
import type { Policy } from '../options/policy.ts';
import type { Invalidation } from '../options/settings.ts';
import { told } from '../purge/purge.ts';
import { Fault } from '../store/fault.ts';
import { type Core, report } from './core.ts';

/**
 * Purges and answers, where the request asks for it by the `invalidation` option's field and may. Resolves to whether
 * it has answered; the field is taken away in any case, and the one that brought a secret with it.
 */
export async function invalidated(x: Exchange, policy: Policy, core: Core): Promise<boolean> {
  const { invalidation } = core;
  const asked = invalidation && x.headers[invalidation.header];
  if (!invalidation || asked === undefined) return false;
  const authorized = await mayPurge(x, core, invalidation);
  x.strip([invalidation.header, ...secretFields(invalidation, authorized)]);
  const what = String(asked).trim().toLowerCase();
  if (!authorized || (what !== 'invalidate' && what !== 'invalidate-all')) return false;

  const count = what === 'invalidate' ? await purgeOwn(x, policy, core) : await purgeAll(core);
  const detail = count instanceof Fault ? count.code : what;
  const outcome: Outcome = { kind: 'invalidated', detail };
  const answer = count instanceof Fault ? { error: 'the purge was not confirmed' } : { purged: count };
  sendJson(x.res, count instanceof Fault ? 503 : 200, cacheStatus(core.name, outcome), answer);
  report(x, core, outcome);
  return true;
}

async function mayPurge(x: Exchange, core: Core, { authorize }: Invalidation): Promise<boolean> {
  if (typeof authorize !== 'function') {
    const given = x.headers[authorize.header];
    return typeof given === 'string' && sameSecret(given, authorize.secret);
  }
  try {
    return (await authorize(x.req, x.res)) === true;
  } catch (error) {
    core.events.fault({ step: 'option', code: 'error', message: String(error) });
    return false;
  }
}

/** Credentials of somebody else's are left where they are: what is made for them is for nobody else. */
function secretFields({ authorize }: Invalidation, authorized: boolean): string[] {
  if (typeof authorize === 'function') return [];
  const { header } = authorize;
  return authorized || !FIELDS.some((name) => name === header) ? [header] : [];
}

/** Compares in a time that tells nothing of where, or by how much, they differ. */
function sameSecret(given: string, secret: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(secret));
}

/** What is stored for this very request, or would be if it were a GET. */
async function purgeOwn(x: Exchange, policy: Policy, core: Core): Promise<number | Fault> {
  const method = policy.methods.has(x.method) ? x.method : 'GET';
  const identified = (async () => identify(x, policy, method))();
  const identity = await identified.catch((error: unknown) => new Fault('error', String(error)));
  if (identity instanceof Fault) {
    core.events.fault({ step: 'option', code: identity.code, message: identity.message });
    return identity;
  }
  const target = x.target;
  const ids = new Set(target ? core.idsOf(`${target.scheme}://${target.host}${target.url}`) : []);
  if (typeof identity !== 'string') ids.add(identity.id);
  const purging = [...ids].map((id) => core.store.purge(id, 'delete'));
  return told(core, { by: 'field', target: 'url', soft: false }, purging);
}

function purgeAll(core: Core): Promise<number | Fault> {
  const purging = core.store.purgeMatching(() => true, 'delete');
  return told(core, { by: 'field', target: 'all', soft: false }, [purging]);
}
