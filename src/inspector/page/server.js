/* Requests to the server. Pages of other sites cannot send the header field. */

const FIELDS = { 'X-Cache-Inspector': '1' };

/** An error response, or no response. */
class ServerError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
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
    return await fetch(`api/${action}`, { ...init, cache: 'no-store', redirect: 'error' });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ServerError('The server cannot be reached.');
  }
}

async function resultOf(response, onProgress = () => {}) {
  const type = response.headers.get('content-type') ?? '';
  if (type.startsWith('application/x-ndjson')) return resultOfLines(response, onProgress);
  const answer = type.startsWith('application/json') ? await response.json().catch(() => ({})) : {};
  if (response.ok && 'result' in answer) return answer.result;
  throw new ServerError(
    answer.error ?? `The server answered with status ${response.status}.`,
    response.status,
  );
}

/** One line of JSON for each report; the last line has the result. */
async function resultOfLines({ body }, onProgress) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
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
