import { addressOf, onPlace, place } from './address.js';
import { byId, may } from './dom.js';
import { hideEntry } from './entry.js';
import { startHead } from './head.js';
import { drawLive, initLive } from './live.js';
import { showOperate } from './operate.js';
import { showResponses } from './responses.js';

/* One page with three views. The fragment of the address selects the view. */

const VIEWS = { live: initLive, responses: showResponses, operate: showOperate };

const name = document.title;

function show() {
  const { view: given, params } = place();
  const view = Object.hasOwn(VIEWS, given) ? given : 'live';
  for (const other of Object.keys(VIEWS)) {
    const link = document.querySelector(`nav a[data-view="${other}"]`);
    byId(`view-${other}`).hidden = other !== view;
    if (other === view) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
    if (other === view) document.title = `${link.textContent} – ${name}`;
  }
  // The list keeps its search, filters and order while another view is shown.
  const { id: _, variant: __, ...list } = params;
  if (view === 'responses')
    document.querySelector('nav a[data-view="responses"]').href = addressOf('responses', list);
  else hideEntry();
  VIEWS[view](params);
}

for (const element of document.querySelectorAll('[data-needs]')) {
  if (!may(element.dataset.needs)) element.remove();
}
for (const element of document.querySelectorAll('[data-without]')) {
  if (may(element.dataset.without) || !may('change')) element.remove();
}
if (!may('change')) {
  byId('read-only').hidden = false;
  byId('operate-link').textContent = 'Explain';
  byId('operate-title').textContent = 'Explain';
} else if (!may('warm')) {
  byId('operate-link').textContent = 'Purge';
  byId('operate-title').textContent = 'Purge';
}
// The fragment is the place of the user, so this link must not change it.
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  byId('main').focus();
});
onPlace(show);
startHead(drawLive);
