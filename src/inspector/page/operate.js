import { confirm } from './confirm.js';
import { startCount } from './count.js';
import { announce, block, byId, clearOnChange, h, literal, may, refuse, visible } from './dom.js';
import { explanation } from './explanation.js';
import { count } from './format.js';
import { act } from './server.js';

/* Purges, warm-ups and explanations for URLs, keys and tags that the user types. */

/** For each purge target: the label of its value, an example, and a hint. */
const TARGETS = {
  url: [
    'URL',
    'https://api.example.com/leads?page=2',
    'An absolute URL, or a path of this host. Other queries of it are other responses.',
  ],
  key: [
    'Key',
    '["leads", 42]',
    'A result of your key function, as JSON. Any other text is taken as a string.',
  ],
  tag: ['Tag', 'leads', 'Purges everything with this tag.'],
  prefix: [
    'Prefix',
    '/api/leads',
    'Purges all URLs that begin with this absolute URL, or with this path on any host.',
  ],
  all: ['', '', 'Purges all responses and values under the prefix of this cache.'],
};

let initialized = false;

export function showOperate() {
  if (initialized) return;
  initialized = true;
  if (may('change')) initPurge(byId('purge'));
  if (may('warm')) initWarm(byId('warm'));
  initExplain(byId('explain'));
}

/** A path becomes a URL of this host. */
const absolute = (text) => (text.startsWith('/') && !text.startsWith('//') ? location.origin + text : text);

function initPurge(form) {
  const { what, value } = form.elements;
  const status = form.querySelector('.status');
  showTarget(form);
  clearOnChange(form, status);
  what.addEventListener('change', () => showTarget(form));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const text = what.value === 'url' ? absolute(value.value.trim()) : value.value.trim();
    if (what.value !== 'all' && text === '') {
      const [label, example] = TARGETS[what.value];
      refuse(value, status, `${label} is missing: write for example ${example}`);
      return;
    }
    const soft = form.elements.how.value === 'soft';
    const target = targetOf(what.value, text);
    const counting = await check(form, target);
    if (!counting) return;
    announce(status, '');
    if (await confirmPurge(what.value, text, soft, counting)) await purge(form, target, soft);
  });
}

/** Has the server check the target before the user is asked. Resolves to the count of what would be purged. */
async function check(form, target) {
  const status = form.querySelector('.status');
  const unblock = block(form.querySelector('button'));
  announce(status, 'Checking…');
  try {
    return await startCount(target);
  } catch (error) {
    if (error.status === 400) refuse(form.elements.value, status, error.message);
    else announce(status, error.message, 'problem');
    return undefined;
  } finally {
    unblock();
  }
}

/** Adapts the form to the selected purge target. */
function showTarget(form) {
  const { what, value } = form.elements;
  const [label, example, hint] = TARGETS[what.value];
  byId('purge-value').hidden = label === '';
  byId('purge-value').firstElementChild.textContent = label;
  value.placeholder = example;
  byId('purge-hint').textContent = hint;
}

function targetOf(what, value) {
  if (what === 'all') return { all: true };
  if (what !== 'key') return { [what]: value };
  try {
    return { key: JSON.parse(value) };
  } catch {
    return { key: value };
  }
}

function confirmPurge(what, value, soft, counting) {
  const action = soft ? 'marks' : 'deletes';
  const effect = soft ? ' stale, for all processes' : ', for all processes';
  const name = what === 'url' ? 'URL' : what;
  return confirm({
    title: soft ? 'Mark as stale?' : 'Delete?',
    text:
      what === 'all'
        ? `This ${action} everything in the store${effect}.`
        : [`This ${action} everything stored for this ${name}${effect}: `, literal(value)],
    yes: soft ? 'Mark stale' : 'Delete',
    count: counting,
    effect: soft ? 'marked stale' : 'deleted',
    ...(what === 'all' && { word: 'all' }),
  });
}

async function purge(form, target, soft) {
  const status = form.querySelector('.status');
  const progress = form.querySelector('progress');
  const unblock = block(form.querySelector('button'));
  const resultText = (number, rest) => (soft ? `Marked ${number}${rest} stale` : `Purged ${number}${rest}`);
  // Without a value, because the total is unknown.
  progress.hidden = false;
  announce(status, 'Purging…');
  let soFar = 0;
  const onProgress = ({ purged }) => {
    soFar = purged;
    announce(status, `${resultText(count(soFar), '')} so far…`);
  };
  try {
    const { purged } = await act('purge', { target, soft }, { onProgress });
    const responses = purged === 1 ? ' stored response' : ' stored responses';
    announce(status, `${resultText(count(purged), responses)}.`, 'good');
  } catch (error) {
    const partly = soFar > 0 ? `${resultText(`at least ${count(soFar)}`, '')}. ` : '';
    announce(status, partly + error.message, 'problem');
  }
  progress.hidden = true;
  unblock();
}

function initWarm(form) {
  const { urls } = form.elements;
  const status = form.querySelector('.status');
  clearOnChange(form, status, () => form.querySelector('.failures').replaceChildren());
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const lines = urls.value.split('\n').map((text, i) => ({ number: i + 1, url: absolute(text.trim()) }));
    const given = lines.filter(({ url }) => url !== '');
    if (given.length === 0) refuse(urls, status, 'Enter at least one URL.');
    else await warm(form, given);
  });
}

/** @param lines each with its number and the URL in it. */
async function warm(form, lines) {
  const { stop } = form.elements;
  const status = form.querySelector('.status');
  const progress = form.querySelector('progress');
  const failureList = form.querySelector('.failures');
  const unblock = block(form.querySelector('button'));
  const controller = new AbortController();
  stop.onclick = () => controller.abort();
  stop.hidden = false;
  progress.hidden = false;
  progress.max = lines.length;
  progress.value = 0;
  failureList.replaceChildren();
  announce(status, `Requesting ${count(lines.length)} ${lines.length === 1 ? 'URL' : 'URLs'}…`);
  let reached = 0;
  const onProgress = ({ done, failed }) => {
    reached = done + failed;
    progress.value = reached;
  };
  try {
    const urls = lines.map(({ url }) => url);
    const result = await act('warm', { urls }, { onProgress, signal: controller.signal });
    const { done, failed, failures, notStored } = result;
    const unstored = Object.entries(notStored).map(
      ([reason, times]) => ` ${count(times)} not stored: ${reason}.`,
    );
    const rest = failed > failures.length ? ` The first ${count(failures.length)} failures:` : '';
    announce(
      status,
      `${count(done)} done, ${count(failed)} failed.${unstored.join('')}${rest}`,
      failed > 0 ? 'problem' : 'good',
    );
    failureList.replaceChildren(
      ...failures.map(({ index, url, reason }) =>
        h('li', {}, `Line ${lines[index]?.number}, `, literal(url), ': ', visible(reason)),
      ),
    );
  } catch (error) {
    const stopped = `Stopped after ${count(reached)} of ${count(lines.length)}.`;
    announce(status, error.name === 'AbortError' ? stopped : error.message, 'problem');
  }
  unblock();
  if (document.activeElement === stop) form.querySelector('button').focus();
  stop.hidden = true;
  progress.hidden = true;
}

function initExplain(form) {
  const status = form.querySelector('.status');
  const output = form.querySelector('.explanation');
  const { url: urlField, headers: headersField } = form.elements;
  clearOnChange(form, status);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(form));
    const url = absolute(values.url.trim());
    const method = values.method.trim().toUpperCase() || 'GET';
    const { fields, bad } = parseFields(values.headers);
    if (url === '') {
      refuse(urlField, status, 'URL is missing: write for example https://api.example.com/leads');
      return;
    }
    if (bad !== undefined) {
      refuse(headersField, status, `Line ${bad} is no header field: write Name: value`);
      return;
    }
    announce(status, 'Explaining…');
    try {
      const result = await act('explain', { url, method, headers: fields });
      output.replaceChildren(explanation(result, { method, url }, true));
      announce(status, 'Explained below.');
    } catch (error) {
      output.replaceChildren();
      announce(status, error.message, 'problem');
    }
  });
}

/** One header field on each line. `bad` is the number of the first line that is none. */
function parseFields(text) {
  const lines = text.split('\n').map((line) => line.trim());
  const isField = (line) => /^[^\s:]+:/.test(line);
  const bad = lines.findIndex((line) => line !== '' && !isField(line));
  const fields = lines.filter(isField).map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  return { fields: Object.fromEntries(fields), bad: bad < 0 ? undefined : bad + 1 };
}
