import type { History, Purge, Request, Run } from './history.ts';

/** A history to be read: what happened to one resource, in order. */
export function trace(history: History, resource: number): string[] {
  const lines: [number, string][] = [];
  for (const request of history.requests) {
    if (request.resource !== resource) continue;
    const { answer: _, ...asked } = request;
    lines.push([request.sentAt, `sent: ${describeRequest(history, asked)}`]);
    if (request.settledAt === undefined) continue;
    const run = request.answer && origin(history, request);
    const from = run ? `run ${run.id}` : 'broken off';
    lines.push([request.settledAt, `answered: ${describeRequest(history, request)} ${from}`]);
  }
  for (const run of history.runs) {
    if (run.resource === resource) lines.push([run.beganAt, `began: ${describeRun(run)}`]);
  }
  for (const purge of history.purges) {
    const { target, calledAt, settledAt, confirmed } = purge;
    if ('resource' in target && target.resource !== resource) continue;
    lines.push([calledAt, `called: ${describePurge(purge)}`]);
    if (settledAt === undefined) continue;
    lines.push([settledAt, `${confirmed ? 'confirmed' : 'failed'}: ${describePurge(purge)}`]);
  }
  for (const { at, worker } of history.ends) lines.push([at, `worker ${worker} is killed`]);
  return lines.sort(([a], [b]) => a - b).map(([at, line]) => `${at}: ${line}`);
}

export function describeRequest({ resources }: History, request: Request): string {
  const { id, method, resource, language, worker, sentAt, answer } = request;
  const name = `${method} ${resources[resource]?.name} in ${language}`;
  const asked = `request ${id} (${name}, sent at ${sentAt} to worker ${worker})`;
  return answer ? `${asked}: ${answer.status} [${answer.cacheStatus.replace(/^[^;]*; /, '')}]` : asked;
}

export function describeRun({ id, method, beganAt, request, version, language, kind, ms }: Run): string {
  return `run ${id} (${method} in ${language}, ${kind} version ${version} in ${ms} ms, begun at ${beganAt} for request ${request})`;
}

export function describePurge({ target, soft, worker, calledAt, settledAt }: Purge): string {
  return `${soft ? 'soft ' : ''}purge of ${JSON.stringify(target)} (worker ${worker}, from ${calledAt} to ${settledAt})`;
}

/** The run that an answer is from: as its body says, or its head where there is none. */
export function origin({ runs }: History, request: Request): Run | undefined {
  const { body, run } = request.answer ?? {};
  return runs[hasBody(request) ? Number(/^\d+/.exec(body ?? '')?.[0]) : (run ?? -1)];
}

export function hasBody({ method, answer }: Request): boolean {
  return method !== 'HEAD' && answer?.status !== 304;
}
