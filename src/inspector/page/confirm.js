import { byId, open } from './dom.js';

/* A question before what cannot be undone. */

/** Resolves to whether it is to be done. @param word has to be typed, where there is one. */
export function confirmed({ title, text, yes, word }) {
  const dialog = byId('confirm');
  const form = dialog.querySelector('form');
  const field = byId('confirm-word');
  const { word: input, yes: button } = form.elements;
  byId('confirm-title').textContent = title;
  byId('confirm-text').replaceChildren(...[text].flat());
  field.hidden = word === undefined;
  field.querySelector('span').textContent = `Type “${word}” to go on`;
  input.value = '';
  button.textContent = yes;
  const check = () => {
    button.disabled = word !== undefined && input.value.trim() !== word;
  };
  check();
  return new Promise((resolve) => {
    let answer = false;
    input.oninput = check;
    form.onsubmit = (event) => {
      event.preventDefault();
      if (button.disabled) return;
      answer = true;
      dialog.close();
    };
    dialog.onclose = () => resolve(answer);
    open(dialog);
    if (word === undefined) form.querySelector('[data-close]').focus();
    else input.focus();
  });
}
