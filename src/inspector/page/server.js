/* What is asked of the server. A field of our own is on every request: no other site's page can send it. */

const FIELDS = { 'X-Cache-Inspector': '1' };

/** What the server refused, or why it could not be asked. */
class ServerError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export async function live() {
  return result(await ask('live', { headers: FIELDS }));
}

/** Resolves to the result. @param onProgress is called with each report on the way. */
export async function act(action, given = {}, { onProgress, signal } = {}) {
  const headers = { ...FIELDS, 'Content-Type': 'application/json' };
  return result(
    await ask(action, { method: 'POST', headers, body: JSON.stringify(given), signal }),
    onProgress,
  );
}

async function ask(action, init) {
  try {
    return await fetch(`api/${action}`, { ...init, cache: 'no-store', redirect: 'error' });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ServerError('The server cannot be reached.');
  }
}

async function result(response, onProgress = () => {}) {
  const type = response.headers.get('content-type') ?? '';
  if (type.startsWith('application/x-ndjson')) return lines(response, onProgress);
  const answer = type.startsWith('application/json') ? await response.json().catch(() => ({})) : {};
  if (response.ok && 'result' in answer) return answer.result;
  throw new ServerError(answer.error ?? `The server answered ${response.status}.`, response.status);
}

/** Reports, a line each, and the result in the last. */
async function lines({ body }, onProgress) {
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
    if (done) throw new ServerError('The answer broke off.');
  }
}
