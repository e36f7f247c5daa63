import { bodyOf, type History, type Purge, type Request, type Run } from './history.ts';
import { describePurge, describeRequest, describeRun, hasBody, origin } from './trace.ts';

/** A promise that was not kept. */
export interface Violation {
  readonly rule: 'whole' | 'right' | 'shared' | 'purged' | 'answered' | 'confirmed' | 'one run';
  readonly text: string;
  /** Index of the resource that it is about, if it is about one. */
  readonly resource?: number;
}

/** @param bound how many milliseconds an answer or a purge may take. */
export function violations(history: History, bound: number): Violation[] {
  return [
    ...history.requests.flatMap((request) =>
      violationsOf(history, request, bound).map((violation) => ({
        ...violation,
        resource: request.resource,
      })),
    ),
    ...history.purges.flatMap((purge) => unsettled(history, purge, bound)),
    ...(history.weather === 'calm' ? redundant(history) : []),
  ];
}

function violationsOf(history: History, request: Request, bound: number): Violation[] {
  const told = describeRequest(history, request);
  const { answer, ms = Number.POSITIVE_INFINITY, hungUp } = request;
  if (hungUp) return [];
  if (ms > bound) return [{ rule: 'answered', text: `${told} took ${Math.round(ms)} ms` }];
  if (!answer)
    return mayBreak(history, request) ? [] : [{ rule: 'answered', text: `${told} was broken off` }];
  const run = origin(history, request);
  if (!run || (hasBody(request) && answer.body !== bodyOf(run))) {
    return [{ rule: 'whole', text: `${told} what no run made, ${JSON.stringify(answer.body.slice(0, 80))}` }];
  }
  const found: Violation[] = [];
  const from = `${told} from ${describeRun(run)}`;
  const varies = history.resources[request.resource]?.varies;
  if (run.resource !== request.resource || (varies && run.language !== request.language)) {
    found.push({ rule: 'right', text: from });
  }
  if (run.request !== request.id && !isShared(run)) found.push({ rule: 'shared', text: from });
  for (const purge of history.purges) {
    if (!promises(history, purge, request) || !covers(history, purge, run)) continue;
    if (run.version >= (purge.versions[run.resource] as number)) continue;
    found.push({ rule: 'purged', text: `${from}, before ${describePurge(purge)}` });
  }
  return found;
}

function isShared({ kind, method }: Run): boolean {
  return (kind === 'stores' || kind === 'confirms') && method !== 'PUT';
}

/** Whether whoever makes this request is promised the effect of a purge. */
function promises({ ends }: History, purge: Purge, { worker, sentAt }: Request): boolean {
  if (!purge.confirmed || purge.settledAt === undefined || purge.settledAt > sentAt) return false;
  if (purge.target.by !== 'put') return true;
  // The one that takes the place of a process does not know what that one owed.
  const isAnother = ends.some((end) => end.worker === worker && end.at > purge.calledAt && end.at < sentAt);
  return purge.worker === worker && !isAnother;
}

function covers({ resources }: History, { target, soft }: Purge, run: Run): boolean {
  const resource = resources[run.resource];
  // What is stale may be used, where that is allowed.
  if (soft && resource?.stale) return false;
  if (target.by === 'all') return true;
  if (target.by === 'prefix') return resource?.by === 'url';
  if (target.by === 'tag') return run.tags.includes(target.tag);
  return target.resource === run.resource;
}

/** A connection breaks when its process is killed, or when the handler that ran for it breaks it. */
function mayBreak({ runs, ends }: History, { id, worker, sentAt, settledAt = 0 }: Request): boolean {
  return (
    runs.some(({ request, kind }) => request === id && kind === 'breaks') ||
    ends.some((end) => end.worker === worker && end.at > sentAt && end.at < settledAt)
  );
}

function unsettled({ weather, ends }: History, purge: Purge, bound: number): Violation[] {
  const { confirmed, worker, calledAt, ms = Number.POSITIVE_INFINITY } = purge;
  const told = describePurge(purge);
  if (ms > bound && !ends.some((end) => end.worker === worker && end.at > calledAt)) {
    return [{ rule: 'answered', text: `${told} took ${Math.round(ms)} ms` }];
  }
  if (!confirmed && weather === 'calm') return [{ rule: 'confirmed', text: `${told} failed` }];
  return [];
}

/**
 * Runs for what another run had made, or was making. Only where nothing can have come between: every run of the
 * resource has something to store, every client stays, and no purge is under way from when the first of the two requests
 * was sent to when the second run began.
 */
function redundant(history: History): Violation[] {
  const { resources, runs, purges } = history;
  return resources.flatMap(({ varies, ttl, script }, resource) => {
    const requests = history.requests.filter((request) => request.resource === resource);
    if (ttl !== undefined || script.some(({ kind }) => kind !== 'stores')) return [];
    if (requests.some(({ method, hungUp }) => hungUp || (method !== 'GET' && method !== 'WRAP'))) return [];
    const found: Violation[] = [];
    const last = new Map<string, Run>();
    for (const run of runs) {
      if (run.resource !== resource) continue;
      const variant = varies ? run.language : '';
      const earlier = last.get(variant);
      last.set(variant, run);
      if (!earlier) continue;
      const sentAt = Math.min(
        ...[earlier, run].map(({ request }) => (history.requests[request] as Request).sentAt),
      );
      // Who still knows of variants that were purged takes another lease than who knows of none.
      const since = varies
        ? Math.min(...requests.filter(isUnderWay(sentAt)).map(({ sentAt }) => sentAt))
        : sentAt;
      const between = purges.some(
        ({ calledAt, settledAt = Number.POSITIVE_INFINITY }) => calledAt < run.beganAt && settledAt > since,
      );
      const text = `${describeRun(run)} repeats ${describeRun(earlier)}`;
      if (!between) found.push({ rule: 'one run', text, resource });
    }
    return found;
  });
}

function isUnderWay(at: number): (request: Request) => boolean {
  return ({ sentAt, settledAt = Number.POSITIVE_INFINITY }) => sentAt <= at && settledAt > at;
}
