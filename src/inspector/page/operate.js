import { confirmed } from './confirm.js';
import { byId, h, literal, may, say } from './dom.js';
import { explained } from './explained.js';
import { count } from './format.js';
import { act } from './server.js';

/* Purges, warm-ups and explanations of what is named by hand. */

/** For each target: what to name, an example, a hint, and what of it is said before it is purged. */
const TARGETS = {
  url: ['URL', 'https://api.example.com/leads?page=2', 'An absolute URL, under the default key.'],
  key: ['Key', '["leads", 42]', 'As your key function gives it: JSON, or else a text.'],
  tag: ['Tag', 'leads', 'All that is stored under this tag.'],
  prefix: ['Prefix', '/api/leads', 'An absolute URL, or a path on every host: all that begins so.'],
  all: ['', '', 'All that is stored under the prefix of this cache, values of wrap and store included.'],
};

let begun = false;

export function showOperate() {
  if (begun) return;
  begun = true;
  if (may('change')) purging(byId('purge'));
  if (may('warm')) warming(byId('warm'));
  explaining(byId('explain'));
}

function purging(form) {
  const { what, value } = form.elements;
  const [status, progress] = ['.status', 'progress'].map((name) => form.querySelector(name));
  const choose = () => {
    const [name, example, hint] = TARGETS[what.value];
    byId('purge-value').hidden = name === '';
    byId('purge-value').firstElementChild.textContent = name;
    value.placeholder = example;
    value.required = name !== '';
    byId('purge-hint').textContent = hint;
  };
  choose();
  what.addEventListener('change', choose);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const soft = form.elements.how.value === 'soft';
    const target = targetOf(what.value, value.value.trim());
    const all = what.value === 'all';
    const name = what.value === 'url' ? 'URL' : what.value;
    const becomes = soft ? 'is marked stale' : 'is deleted';
    const sure = await confirmed({
      title: soft ? 'Mark as stale?' : 'Delete?',
      text: all
        ? `Everything that is stored ${becomes}, for all processes.`
        : [`What is stored for this ${name} ${becomes}, for all processes: `, literal(value.value.trim())],
      yes: soft ? 'Mark stale' : 'Delete',
      ...(all && { word: 'all' }),
    });
    if (!sure) return;
    const button = form.querySelector('button');
    button.disabled = true;
    // How many there are is not known before they are found.
    progress.hidden = false;
    say(status, 'Purging…');
    let done = 0;
    const onProgress = ({ purged }) => {
      done = purged;
      say(status, `Purging: ${count(done)} so far…`);
    };
    try {
      const { purged } = await act('purge', { target: { ...target, ...(soft && { soft }) } }, { onProgress });
      say(status, `Purged: ${count(purged)} stored ${purged === 1 ? 'response' : 'responses'}.`, 'good');
    } catch (error) {
      say(
        status,
        done > 0 ? `${count(done)} or more were purged. ${error.message}` : error.message,
        'problem',
      );
    }
    progress.hidden = true;
    button.disabled = false;
  });
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

function warming(form) {
  const { urls: area, stop } = form.elements;
  const [status, progress, failures] = ['.status', 'progress', '.failures'].map((name) =>
    form.querySelector(name),
  );
  const button = form.querySelector('button');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const urls = area.value.split(/\s+/).filter(Boolean);
    if (urls.length === 0) return say(status, 'There are no URLs.', 'problem');
    const controller = new AbortController();
    stop.onclick = () => controller.abort();
    button.disabled = true;
    stop.hidden = progress.hidden = false;
    progress.max = urls.length;
    progress.value = 0;
    failures.replaceChildren();
    say(status, `Asking for ${count(urls.length)}…`);
    const onProgress = ({ done, failed }) => {
      progress.value = done + failed;
    };
    try {
      const result = await act('warm', { urls }, { onProgress, signal: controller.signal });
      const { done, failed } = result;
      say(status, `${count(done)} answered, ${count(failed)} failed.`, failed > 0 ? 'problem' : 'good');
      failures.replaceChildren(
        ...result.failures.map(({ url, reason }) => h('li', {}, literal(url), `: `, literal(reason))),
      );
    } catch (error) {
      say(status, error.name === 'AbortError' ? 'Stopped.' : error.message, 'problem');
    }
    button.disabled = false;
    stop.hidden = progress.hidden = true;
  });
}

function explaining(form) {
  const status = form.querySelector('.status');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const { url, method, headers } = Object.fromEntries(new FormData(form));
    const fields = headers.split('\n').flatMap((line) => {
      const colon = line.indexOf(':');
      return colon > 0 ? [[line.slice(0, colon).trim(), line.slice(colon + 1).trim()]] : [];
    });
    const place = form.querySelector('.explanation');
    say(status, 'Asking…');
    try {
      const given = {
        url: url.trim(),
        method: method.trim().toUpperCase() || 'GET',
        headers: Object.fromEntries(fields),
      };
      const explanation = await act('explain', given);
      place.replaceChildren(...explained(explanation));
      say(status, '');
    } catch (error) {
      place.replaceChildren();
      say(status, error.message, 'problem');
    }
  });
}
