import { confirm } from './confirm.js';
import { announce, byId, h, literal, may } from './dom.js';
import { explanation } from './explanation.js';
import { count } from './format.js';
import { act } from './server.js';

/* Purges, warm-ups and explanations for URLs, keys and tags that the user types. */

/** For each purge target: the label of its value, an example, and a hint. */
const TARGETS = {
  url: [
    'URL',
    'https://api.example.com/leads?page=2',
    'An absolute URL. It is purged under the default key.',
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

function initPurge(form) {
  const { what } = form.elements;
  showTarget(form);
  what.addEventListener('change', () => showTarget(form));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const value = form.elements.value.value.trim();
    const soft = form.elements.how.value === 'soft';
    if (!(await confirmPurge(what.value, value, soft))) return;
    await purge(form, { target: targetOf(what.value, value), soft });
  });
}

/** Adapts the form to the selected purge target. */
function showTarget(form) {
  const { what, value } = form.elements;
  const [label, example, hint] = TARGETS[what.value];
  byId('purge-value').hidden = label === '';
  byId('purge-value').firstElementChild.textContent = label;
  value.placeholder = example;
  value.required = label !== '';
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

function confirmPurge(what, value, soft) {
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
    ...(what === 'all' && { word: 'all' }),
  });
}

async function purge(form, purging) {
  const status = form.querySelector('.status');
  const progress = form.querySelector('progress');
  const button = form.querySelector('button');
  button.disabled = true;
  // Without a value, because the total is unknown.
  progress.hidden = false;
  announce(status, 'Purging…');
  let done = 0;
  const onProgress = ({ purged }) => {
    done = purged;
    announce(status, `Purged ${count(done)} so far…`);
  };
  try {
    const { purged } = await act('purge', purging, { onProgress });
    announce(status, `Purged ${count(purged)} stored ${purged === 1 ? 'response' : 'responses'}.`, 'good');
  } catch (error) {
    const partly = done > 0 ? `At least ${count(done)} were purged. ` : '';
    announce(status, partly + error.message, 'problem');
  }
  progress.hidden = true;
  button.disabled = false;
}

function initWarm(form) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const urls = form.elements.urls.value.split(/\s+/).filter(Boolean);
    if (urls.length === 0) announce(form.querySelector('.status'), 'Enter at least one URL.', 'problem');
    else await warm(form, urls);
  });
}

async function warm(form, urls) {
  const { stop } = form.elements;
  const status = form.querySelector('.status');
  const progress = form.querySelector('progress');
  const failureList = form.querySelector('.failures');
  const button = form.querySelector('button');
  const controller = new AbortController();
  stop.onclick = () => controller.abort();
  button.disabled = true;
  stop.hidden = false;
  progress.hidden = false;
  progress.max = urls.length;
  progress.value = 0;
  failureList.replaceChildren();
  announce(status, `Requesting ${count(urls.length)} ${urls.length === 1 ? 'URL' : 'URLs'}…`);
  const onProgress = ({ done, failed }) => {
    progress.value = done + failed;
  };
  try {
    const result = await act('warm', { urls }, { onProgress, signal: controller.signal });
    const { done, failed, failures } = result;
    announce(status, `${count(done)} done, ${count(failed)} failed.`, failed > 0 ? 'problem' : 'good');
    failureList.replaceChildren(
      ...failures.map(({ url, reason }) => h('li', {}, literal(url), ': ', literal(reason))),
    );
  } catch (error) {
    announce(status, error.name === 'AbortError' ? 'Stopped.' : error.message, 'problem');
  }
  button.disabled = false;
  stop.hidden = true;
  progress.hidden = true;
}

function initExplain(form) {
  const status = form.querySelector('.status');
  const output = form.querySelector('.explanation');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const { url, method, headers } = Object.fromEntries(new FormData(form));
    announce(status, 'Explaining…');
    try {
      const result = await act('explain', {
        url: url.trim(),
        method: method.trim().toUpperCase() || 'GET',
        headers: parseFields(headers),
      });
      output.replaceChildren(explanation(result));
      announce(status, '');
    } catch (error) {
      output.replaceChildren();
      announce(status, error.message, 'problem');
    }
  });
}

/** One header field on each line. */
function parseFields(text) {
  const fields = text.split('\n').flatMap((line) => {
    const colon = line.indexOf(':');
    return colon > 0 ? [[line.slice(0, colon).trim(), line.slice(colon + 1).trim()]] : [];
  });
  return Object.fromEntries(fields);
}
