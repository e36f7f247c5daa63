import { byId, open } from './dom.js';
import { count as formatCount } from './format.js';

/* A question before an action that cannot be undone. */

/**
 * Resolves to whether the user confirms.
 * @param word must be typed, if given.
 * @param count of the responses that the action applies to (count.js). The user need not wait for it.
 * @param effect what happens to them: `deleted`.
 */
export function confirm({ title, text, yes, word, count, effect }) {
  const dialog = byId('confirm');
  const form = dialog.querySelector('form');
  const field = byId('confirm-word');
  const { word: input, yes: button } = form.elements;
  byId('confirm-title').textContent = title;
  byId('confirm-text').replaceChildren(...[text].flat());
  byId('confirm-count').hidden = count === undefined;
  count?.show((counted) => {
    byId('confirm-count').textContent = countText(counted, effect);
  });
  field.hidden = word === undefined;
  field.querySelector('span').textContent = `Type “${word}” to continue`;
  input.value = '';
  button.textContent = yes;
  const check = () => {
    button.disabled = word !== undefined && input.value.trim() !== word;
  };
  check();
  return new Promise((resolve) => {
    let confirmed = false;
    input.oninput = check;
    form.onsubmit = (event) => {
      event.preventDefault();
      if (button.disabled) return;
      confirmed = true;
      dialog.close();
    };
    dialog.onclose = () => {
      count?.stop();
      resolve(confirmed);
    };
    open(dialog);
    if (word === undefined) form.querySelector('[data-close]').focus();
    else input.focus();
  });
}

function countText({ purged, done, problem }, effect) {
  if (problem) return `Counting stopped after ${formatCount(purged)}: ${problem}`;
  if (!done) return purged === 0 ? 'Counting…' : `Counting: ${formatCount(purged)} so far…`;
  if (purged === 0) return 'Nothing that is stored matches. The action only ends what is being stored now.';
  const responses = purged === 1 ? '1 stored response' : `${formatCount(purged)} stored responses`;
  return `${responses} would be ${effect}.`;
}
