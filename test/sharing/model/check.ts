import { type Caller, credentialsOfCaller, sidOf } from './callers.ts';
import type { History, Purge, Request, Run } from './history.ts';
import { leavesNoTrace, oracle, type Page, type Site, shapeOf } from './site.ts';

/*
 * The promises:
 *
 * - leak: what was made for a request with credentials is given to nobody with other credentials or none, unless the
 *   response says that it may be, or the key covers the caller.
 * - guest: a request with credentials is given a stranger's page only where the app answers it the same.
 * - right: strangers are given what the app would answer them: their language, their device, their own nonce.
 * - purged: nothing is older than a purge that had returned when it was asked for.
 * - fresh: nothing is older than its lifetime, and the time for which it may be stale.
 * - whole: every answer is, byte for byte, what one run has made for this page.
 */

export interface Violation {
  readonly rule: 'leak' | 'guest' | 'right' | 'purged' | 'fresh' | 'whole' | 'answered';
  readonly request: number | undefined;
  readonly text: string;
}

/** How often callers of a kind asked for what is the same for all, and were answered from the cache. */
interface Asked {
  asked: number;
  hits: number;
}

export interface Checked {
  readonly violations: Violation[];
  /** Guests' pages for members whom the app tells from others of their shape without a trace. */
  exceptions: number;
  /** Answers that another request's run had made. */
  shared: number;
  readonly strangers: Asked;
  readonly others: Asked;
}

export function check(history: History): Checked {
  const checked: Checked = {
    ...{ violations: [], exceptions: 0, shared: 0 },
    ...{ strangers: { asked: 0, hits: 0 }, others: { asked: 0, hits: 0 } },
  };
  for (const fault of history.faults) {
    checked.violations.push({ rule: 'answered', request: undefined, text: fault });
  }
  for (const request of history.requests) checkRequest(history, request, checked);
  return checked;
}

function checkRequest(history: History, request: Request, checked: Checked): void {
  const { site, runs } = history;
  const page = site.pages[request.page] as Page;
  const caller = site.callers[request.caller] as Caller;
  const { answer } = request;
  const found = (rule: Violation['rule'], run?: Run): void => {
    const from = run ? `\n  from ${describeRun(history, run)}` : '';
    const text = describeRequest(history, request) + from;
    checked.violations.push({ rule, request: request.id, text });
  };
  count(page, caller, request, checked);
  const run = answer && runs[answer.run];
  if (request.hungUp) return;
  if (answer?.status === 500 && run?.failed && run.request === request.id) return;
  if (answer?.status !== 200) found('answered', run);
  else if (!run || !isWhole(request, run)) found('whole', run);
  else {
    if (history.purges.some((purge) => isOutlived(site, purge, request, run))) found('purged', run);
    if (isTooOld(history, request, run)) found('fresh', run);
    if (run.request === request.id && run.credentials === credentialsOfCaller(caller)) return;
    checked.shared++;
    const rule = sharedWrongly(history, request, run);
    if (rule === 'exception') checked.exceptions++;
    else if (rule) found(rule, run);
  }
}

function count({ dependsOn, says }: Page, { identity }: Caller, { answer }: Request, checked: Checked): void {
  if (dependsOn !== 'nothing' || says === 'private') return;
  const asked = identity ? checked.others : checked.strangers;
  asked.asked++;
  if (answer?.cacheStatus.startsWith('hit')) asked.hits++;
}

function isWhole({ page, method, answer }: Request, run: Run): boolean {
  if (run.page !== page || run.content === undefined) return false;
  return method === 'HEAD' || answer?.body === run.content;
}

function isOutlived(
  { staleWhileRevalidate, staleIfError }: Site,
  purge: Purge,
  { page, sentAt }: Request,
  run: Run,
): boolean {
  if (purge.settledAt === undefined || purge.settledAt > sentAt) return false;
  // What is stale may be used, where that is allowed.
  if (purge.soft && (staleWhileRevalidate > 0 || staleIfError > 0)) return false;
  if (purge.target.by === 'url' && purge.target.page !== page) return false;
  return (run.version as number) < (purge.versions[page] as number);
}

function isTooOld({ site, runs }: History, { clock }: Request, run: Run): boolean {
  const { ttl, staleWhileRevalidate, staleIfError } = site;
  // `s-maxage` says 20 seconds.
  const lifetime = Math.max(ttl, 20_000) + Math.max(staleWhileRevalidate, staleIfError);
  const isOld = ({ endedClock }: Run): boolean => endedClock !== undefined && clock - endedClock > lifetime;
  // A later run may have confirmed it.
  return isOld(run) && !runs.some((other) => isConfirmedBy(site, run, other) && !isOld(other));
}

function isConfirmedBy({ pages }: Site, run: Run, { page, content }: Run): boolean {
  return page === run.page && content === run.content && pages[page]?.etag === true;
}

/** What is wrong with what another request's run has made, if anything is. */
function sharedWrongly(
  history: History,
  request: Request,
  run: Run,
): 'leak' | 'guest' | 'right' | 'exception' | undefined {
  const page = history.site.pages[request.page] as Page;
  const caller = history.site.callers[request.caller] as Caller;
  if (run.credentials !== '' && run.credentials !== credentialsOfCaller(caller)) {
    // The app declares that it gives both the same.
    if (covers(history.site, run, caller)) return undefined;
    if (!allowsAll(page, run) && !agreed(history, request, run)) return 'leak';
  }
  if (page.dependsOn === 'nonce') return run.request === request.id ? undefined : 'right';
  if (run.content === oracle(page, run.version as number, caller)) return undefined;
  if (!caller.identity) return 'right';
  return leavesNoTrace(page) && wasShown(history, request, run) ? 'exception' : 'guest';
}

/** Whether a response says that others may be given it. */
function allowsAll({ says }: Page, { credentials }: Run): boolean {
  if (says === 'public' || says === 's-maxage') return true;
  return says === 'must-revalidate' && /^authorization: [^\n]*$/.test(credentials);
}

/** Whether the key covers the caller: it names him, or the cookie that was sent, and no other credential. */
function covers({ varies }: Site, { caller, credentials }: Run, of: Caller): boolean {
  if (caller !== null && caller === of.identity?.name) return true;
  const sid = sidOf(of.credentials.cookie);
  return varies === 'sid' && sid !== undefined && credentials === `cookie: ${sid}`;
}

/** Whether as many callers of one shape as `agree` says had the same answer. */
function agreed({ site, runs }: History, request: Request, run: Run): boolean {
  const { agree } = site;
  const caller = site.callers[request.caller] as Caller;
  if (agree === undefined || caller.identity === undefined) return false;
  const shape = shapeOf(site, caller);
  const alike = runs.filter(
    ({ page, content, credentials, beganAt }) =>
      page === run.page &&
      content === run.content &&
      beganAt < (request.settledAt as number) &&
      site.callers.some(
        (other) => credentialsOfCaller(other) === credentials && shapeOf(site, other) === shape,
      ),
  );
  return new Set(alike.map(({ credentials }) => credentials)).size >= agree;
}

/**
 * Whether the app had given another caller of the same shape what strangers get. Then this caller is given it as well:
 * nothing that the cache can see tells them apart.
 */
function wasShown({ site, requests }: History, request: Request, run: Run): boolean {
  const page = site.pages[request.page] as Page;
  const caller = site.callers[request.caller] as Caller;
  const shape = shapeOf(site, caller);
  return requests.some((other) => {
    if (other.page !== request.page || other.sentAt > (request.settledAt as number)) return false;
    const another = site.callers[other.caller] as Caller;
    if (another === caller || shapeOf(site, another) !== shape) return false;
    return oracle(page, run.version as number, another) === run.content;
  });
}

function describeRequest({ site }: History, request: Request): string {
  const { id, method, caller, page, process, sentAt, settledAt, answer } = request;
  const asked = `request ${id}: ${method} ${site.pages[page]?.path} by ${site.callers[caller]?.name} at process ${process}`;
  return `${asked}, ${sentAt}-${settledAt ?? ''}: ${answer ? `${answer.status} [${answer.cacheStatus}] run ${answer.run}` : 'no answer'}`;
}

function describeRun({ site }: History, run: Run): string {
  const { id, method, credentials, request, content, beganAt } = run;
  const caller = site.callers.find((each) => credentialsOfCaller(each) === credentials);
  const who = credentials === '' ? 'a stranger' : caller?.name;
  return `run ${id}: ${method} for ${who} (request ${request}), begun at ${beganAt}: ${JSON.stringify(content)}`;
}

/** A history to be read: what happened to one page, in order. */
export function trace(history: History, page: number): string[] {
  const lines: [number, string][] = [];
  for (const request of history.requests) {
    if (request.page !== page) continue;
    lines.push([
      request.sentAt,
      `+${request.clock - (history.requests[0] as Request).clock} ms ${describeRequest(history, request)}`,
    ]);
  }
  for (const run of history.runs)
    if (run.page === page) lines.push([run.beganAt, `  ${describeRun(history, run)}`]);
  for (const { target, soft, process, calledAt, settledAt } of history.purges)
    lines.push([
      calledAt,
      `${soft ? 'soft ' : ''}purge of ${JSON.stringify(target)} at process ${process}, ${calledAt}-${settledAt}`,
    ]);
  return lines.sort(([a], [b]) => a - b).map(([at, line]) => `${at}: ${line}`);
}
