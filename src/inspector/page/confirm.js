import { byId, open } from './dom.js';

/* A question before an action that cannot be undone. */

/** Resolves to whether the user confirms. @param word must be typed, if given. */
export function confirm({ title, text, yes, word }) {
  const dialog = byId('confirm');
  const form = dialog.querySelector('form');
  const field = byId('confirm-word');
  const { word: input, yes: button } = form.elements;
  byId('confirm-title').textContent = title;
  byId('confirm-text').replaceChildren(...[text].flat());
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
    dialog.onclose = () => resolve(confirmed);
    open(dialog);
    if (word === undefined) form.querySelector('[data-close]').focus();
    else input.focus();
  });
}
