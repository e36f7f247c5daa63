/* What the page shows, in the fragment of its address: `#responses?search=leads&sort=-age`. Reload, back and links keep
   it. Browsers do not send the fragment, so no access log contains a search or a key. */

/** The view and its parameters. */
export function place() {
  const [view, query = ''] = location.hash.slice(1).split(/\?(.*)/s, 2);
  return { view, params: Object.fromEntries(new URLSearchParams(query)) };
}

/** The fragment for a view. Parameters without a value are left out. */
export function addressOf(view, params = {}) {
  const query = new URLSearchParams(
    Object.entries(params).filter(([, value]) => value !== undefined && value !== ''),
  );
  return query.size > 0 ? `#${view}?${query}` : `#${view}`;
}

/** The fragment of one stored response. The parameters of the list stay. */
export function addressOfEntry({ id, variant }, list = {}) {
  const address = addressOf('responses', { ...list, id });
  return variant === '' ? address : `${address}&variant=${encodeURIComponent(variant)}`;
}

let show = () => {};
/** While the browser goes back: what to do then. */
let afterBack;

/** Calls the listener now, and whenever the place changes. */
export function onPlace(listener) {
  show = listener;
  addEventListener('hashchange', () => {
    show();
    const next = afterBack;
    afterBack = undefined;
    next?.();
  });
  show();
}

/** Shows another place, with an entry of its own in the history. @param state is kept with that entry. */
export function go(address, state = null) {
  if (afterBack) {
    afterBack = () => go(address, state);
    return;
  }
  history.pushState(state, '', address);
  show();
}

/** Goes back to the list below a response: to its entry in the history, if it is the one before. */
export function leave(address) {
  if (history.state?.fromList) {
    afterBack = () => {};
    history.back();
    return;
  }
  history.replaceState(null, '', address);
  show();
}
