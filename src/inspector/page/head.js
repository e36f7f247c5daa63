import { byId } from './dom.js';
import { clock } from './format.js';
import { live, onUnreachable } from './server.js';
import { storeBadges, storeText } from './store.js';

/* The head of the page: which store the cache has, its state, and whether the server answers. It asks the server every two
   seconds while the live view is shown or the connection is lost, and every ten seconds else. */

const INTERVAL_MS = 2000;
const SLOW_INTERVAL_MS = 10_000;
/** How long the page says that the connection is back. */
const GOOD_NEWS_MS = 4000;

let timer;
/** When the server has answered last. */
let answeredAt;
let isLost = false;
let isAsking = false;
let onSnapshot = () => {};

/** @param listener gets each snapshot. */
export function startHead(listener) {
  onSnapshot = listener;
  document.addEventListener('visibilitychange', askNow);
  addEventListener('online', askNow);
  addEventListener('hashchange', askNow);
  onUnreachable((error) => {
    lose(error);
    plan();
  });
  askNow();
}

function askNow() {
  if (!document.hidden) void ask();
}

async function ask() {
  if (isAsking) return;
  isAsking = true;
  try {
    const snapshot = await live();
    answeredAt = Date.now();
    recover();
    drawStore(snapshot.stats);
    onSnapshot(snapshot);
  } catch (error) {
    lose(error);
  }
  isAsking = false;
  plan();
}

function plan() {
  clearTimeout(timer);
  const isFast = isLost || !byId('view-live').hidden;
  timer = setTimeout(askNow, isFast ? INTERVAL_MS : SLOW_INTERVAL_MS);
}

function lose(error) {
  isLost = true;
  const since = answeredAt === undefined ? '' : ` What you see is from ${clock(answeredAt)}.`;
  say(`${error.message}${since} The page tries again every 2 seconds.`, 'problem');
}

function recover() {
  if (!isLost) return;
  isLost = false;
  say('Connected again.', 'good');
  setTimeout(() => {
    if (!isLost) byId('connection').hidden = true;
  }, GOOD_NEWS_MS);
}

function say(text, kind) {
  const region = byId('connection');
  // Writing the same text again would make screen readers repeat it.
  if (region.textContent !== text) region.textContent = text;
  region.dataset.kind = kind;
  region.hidden = false;
}

function drawStore(stats) {
  const text = storeText(stats);
  if (byId('store').textContent !== text) byId('store').textContent = text;
  byId('store').hidden = text === '';
  const badges = storeBadges(stats);
  const region = byId('badges');
  if (region.textContent !== badges.map((badge) => badge.textContent).join(''))
    region.replaceChildren(...badges);
}
