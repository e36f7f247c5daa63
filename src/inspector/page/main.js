import { byId, may } from './dom.js';
import { showLive } from './live.js';
import { showOperate } from './operate.js';
import { showResponses } from './responses.js';

/* One page with three views. The fragment of the URL selects the view. */

const VIEWS = { live: showLive, responses: showResponses, operate: showOperate };

function show() {
  const name = location.hash.slice(1);
  if (name === 'main') return;
  const view = name in VIEWS ? name : 'live';
  for (const other of Object.keys(VIEWS)) {
    const link = document.querySelector(`nav a[href="#${other}"]`);
    byId(`view-${other}`).hidden = other !== view;
    if (other === view) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  VIEWS[view]();
}

for (const element of document.querySelectorAll('[data-needs]')) {
  if (!may(element.dataset.needs)) element.remove();
}
if (!may('change')) {
  byId('read-only').hidden = false;
  byId('operate-link').textContent = 'Explain';
  byId('operate-title').textContent = 'Explain';
} else if (!may('warm')) {
  byId('operate-link').textContent = 'Purge';
  byId('operate-title').textContent = 'Purge';
}
addEventListener('hashchange', show);
show();
