import { createHash } from 'node:crypto';
import type { StoredResponse } from '../codec/stored-response.ts';
import type { CaptureEnd, SentHead } from '../exchange/capture.ts';
import { joined } from '../http/cache-control.ts';
import { field } from '../http/headers.ts';
import { nominated } from '../http/vary.ts';
import { redisId } from '../key/cache-key.ts';
import { variantText } from '../key/variant.ts';
import type { CacheDetail } from '../observe/outcome.ts';
import type { Difference, ShadowedRequest } from '../observe/shadow-stats.ts';
import { type Answer, differenceOf } from '../sharing/answer.ts';
import { fieldsToStore } from './commit.ts';
import type { CacheContext } from './context.ts';
import { type Decision, outcomeOf } from './decide.ts';
import type { FillState } from './fill-state.ts';
import { represented } from './representation.ts';
import type { ResponseHead } from './storability.ts';
import type { Transaction } from './transaction.ts';

/** How many responses are kept at once to be compared; further ones are counted without a comparison. */
const MAX_COMPARED = 64;
const comparisons = new WeakMap<CacheContext, number>();

type ShadowDetail = Extract<CacheDetail, `shadow: ${string}`>;

/** What would have been served in place of the app's response, and how the two differ. */
export class ShadowComparison {
  /** The `detail` of `Cache-Status`: `shadow: hit`, `shadow: uri-miss`, ... */
  readonly detail: ShadowDetail;
  readonly #transaction: Transaction;
  readonly #decision: Decision;
  readonly #startedAt = performance.now();
  #comparesBody = false;

  constructor(t: Transaction, decision: Decision) {
    this.#transaction = t;
    this.#decision = decision;
    this.detail = outcomeOf(decision, 'shadow').detail as ShadowDetail;
  }

  /** Whether the app's body is kept to be compared. */
  get comparesBody(): boolean {
    return this.#comparesBody;
  }

  begin(): void {
    const { context } = this.#transaction;
    const busy = comparisons.get(context) ?? 0;
    if (busy >= MAX_COMPARED) return;
    this.#comparesBody = true;
    comparisons.set(context, busy + 1);
  }

  /** Compares in the background, after the app has answered. */
  async compare(
    fill: FillState,
    head: (ResponseHead & SentHead) | undefined,
    end: CaptureEnd | undefined,
  ): Promise<void> {
    const route = routeOf(this.#transaction);
    try {
      await new Promise((resolve) => setImmediate(resolve));
      const isWhole = this.#comparesBody && head !== undefined && end?.kind === 'complete';
      if (isWhole) this.#countCompared(fill, head, end.body.copy(), route);
      else this.count(route);
    } finally {
      this.#end();
    }
  }

  /** Counts a request whose response is not compared. */
  count(route: string = routeOf(this.#transaction)): void {
    this.#add(route, undefined, undefined);
  }

  #countCompared(
    fill: FillState,
    head: ResponseHead & SentHead,
    chunks: readonly Buffer[],
    route: string,
  ): void {
    const decision = this.#decision;
    // The fields that would be stored, without those of middleware in front.
    const { headers } = fieldsToStore(fill, head);
    const difference =
      decision.kind === 'serve'
        ? differenceOf(answerOf(decision.stored), {
            status: head.status,
            field: (name) => field(headers, name),
            chunks,
          })
        : undefined;
    const { identity } = this.#transaction;
    const names = nominated(head.headers.vary);
    const text = variantText(identity.declared, names === '*' ? [] : names, this.#transaction);
    const variant = redisId(`${identity.id} ${text}`, 'sha1');
    this.#add(route, difference, { variant, hash: hashOf(head, chunks), at: head.receivedAt });
  }

  #add(route: string, difference: Difference | undefined, response: ShadowedRequest['response']): void {
    const { context, durationsMs } = this.#transaction;
    const decision = this.#decision;
    const isHit = decision.kind === 'serve';
    const originMs = durationsMs.origin ?? performance.now() - this.#startedAt;
    const ageMs = isHit ? decision.ageMs : 0;
    context.reporter.shadow({ route, ageMs, hit: isHit, originMs, difference, response });
  }

  #end(): void {
    const { context } = this.#transaction;
    if (this.#comparesBody) comparisons.set(context, (comparisons.get(context) ?? 1) - 1);
    this.#comparesBody = false;
  }
}

function answerOf(stored: StoredResponse): Answer {
  const { status, headers } = stored;
  return { status, field: (name) => field(headers, name), chunks: [represented(stored).body] };
}

function hashOf(head: ResponseHead, chunks: readonly Buffer[]): string {
  const hash = createHash('sha1').update(`${head.status} ${joined(head.headers['content-type']) ?? ''}\n`);
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('base64');
}

/** The pattern of the route that answers, as far as Express tells: `/users/:id`. */
function routeOf({ exchange }: Transaction): string {
  const { baseUrl = '', route } = exchange.req as { baseUrl?: string; route?: { path?: unknown } };
  return route?.path === undefined ? '(none)' : `${baseUrl}${String(route.path)}`;
}
