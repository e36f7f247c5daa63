/* Requests to the server. Pages of other sites cannot send the header field. */

const FIELDS = { 'X-Cache-Inspector': '1' };

/** An error response, or no response. */
class ServerError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

let reportUnreachable = () => {};

/** Calls the listener with the error when no answer to an action comes. */
export function onUnreachable(listener) {
  reportUnreachable = listener;
}

export async function live() {
  return resultOf(await send('live', { headers: FIELDS }));
}

/** Runs an action on the server, and resolves to its result. @param onProgress is called with each report. */
export async function act(action, input = {}, { onProgress, signal } = {}) {
  const headers = { ...FIELDS, 'Content-Type': 'application/json' };
  const response = await send(action, { method: 'POST', headers, body: JSON.stringify(input), signal });
  return resultOf(response, onProgress);
}

async function send(action, init) {
  try {
    return await fetch(`api/${action}`, { ...init, cache: 'no-store', redirect: 'manual' });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    const unreachable = new ServerError('The server cannot be reached.');
    reportUnreachable(unreachable);
    throw unreachable;
  }
}

async function resultOf(response, onProgress = () => {}) {
  const type = response.headers.get('content-type') ?? '';
  if (response.ok && type.startsWith('application/x-ndjson')) return resultOfLines(response, onProgress);
  const answer = type.startsWith('application/json') ? await response.json().catch(() => ({})) : {};
  if (response.ok && 'result' in answer) return answer.result;
  throw new ServerError(problemOf(response, answer), response.status);
}

/** What is wrong, and what to do. */
function problemOf({ type, status }, { error }) {
  // `authorize` redirects to a login, most likely.
  if (type === 'opaqueredirect') return 'You are logged out. Reload this page to log in.';
  const problem = error ?? `The server answered with status ${status}.`;
  if (status === 401 || status === 403)
    return error ? `${problem}${ADVICE[error] ?? ''}` : `${problem} Log in again.`;
  if (status === 404 && !error) return `${problem} Is the inspector still mounted here? Reload this page.`;
  if (status === 503 && error) return `${problem} Is Redis up? The faults under Live say more.`;
  if (status >= 500) return `${problem} The log of the app says why.`;
  return problem;
}

const ADVICE = {
  'You are not authorized.': ' Log in again, then reload this page.',
  'Only the page of the inspector may send this request.':
    ' If a proxy in front of the app changes the Host field, open this page over https.',
};

/** One line of JSON for each report; the last line has the result. */
async function resultOfLines({ body }, onProgress) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await readFrom(reader);
    const complete = (rest + (value ?? '')).split('\n');
    rest = complete.pop();
    for (const text of complete) {
      const line = JSON.parse(text);
      if ('progress' in line) onProgress(line.progress);
      else if ('result' in line) return line.result;
      else throw new ServerError(line.error);
    }
    if (done) throw new ServerError('The connection closed before the action was complete.');
  }
}

async function readFrom(reader) {
  try {
    return await reader.read();
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    return { done: true };
  }
}
