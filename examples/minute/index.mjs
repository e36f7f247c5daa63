// A slow report and a page that asks for it: a miss, a hit and a purge. It needs no Redis and no build.
//
//   node examples/minute/index.mjs                                          in a checkout, after `npm install`
//   npm install redis-response-cache express && node index.mjs              with this file alone in a folder

import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { redisCache } from 'redis-response-cache';

const app = express();

// Without the option `redis`, responses are stored in this process.
const cache = redisCache({ ttl: '30s' });

app.get('/report', cache, async (_req, res) => {
  await sleep(1500);
  res.json({ total: 1234, madeAt: new Date() });
});

app.post('/purge', async (_req, res) => {
  res.json({ purged: await cache.purge({ all: true }) });
});

app.get('/', (_req, res) => {
  res.type('html').send(PAGE);
});

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>A slow report, cached</title>
<link rel="icon" href="data:,">
<style>
  :root {
    color-scheme: light dark;
    --page: light-dark(#f7f7f5, #131416);
    --ink: light-dark(#1b1c1e, #ececee);
    --soft: light-dark(#5b5e66, #a3a6ae);
    --line: light-dark(#e2e2de, #2e3035);
    --accent: light-dark(#0b6a66, #63cbc4);
    --miss: light-dark(#8f959d, #7d838c);
    font: 16px/1.5 system-ui, sans-serif;
  }
  body { margin: 0 auto; max-width: 44rem; padding: 2rem 1rem; background: var(--page); color: var(--ink); }
  h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .5rem; }
  p { margin: 0 0 1.25rem; color: var(--soft); }
  button { font: inherit; padding: .5rem 1rem; border: 1px solid var(--accent); border-radius: .4rem; cursor: pointer;
    background: none; color: var(--accent); }
  button:disabled { opacity: .5; cursor: progress; }
  button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
  ol { list-style: none; margin: 1.5rem 0 0; padding: 0; }
  li { border-top: 1px solid var(--line); padding: .75rem 0; }
  .bar { height: .5rem; min-width: 3px; border-radius: .25rem; background: var(--miss); margin: .35rem 0; }
  .hit .bar { background: var(--accent); }
  code { font: .85rem/1.5 ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
</style>
<h1>A slow report, cached</h1>
<p>The handler takes 1.5 seconds. The cache stores its response for 30 seconds and sends it again at once.</p>
<button id="get">Get the report</button>
<button id="purge">Purge it</button>
<ol id="log" aria-live="polite"></ol>
<script>
  const log = document.getElementById('log');
  const buttons = document.querySelectorAll('button');

  function show(className, title, width, code) {
    const item = document.createElement('li');
    item.className = className;
    const bar = document.createElement('div');
    bar.className = 'bar';
    bar.style.width = width + '%';
    const text = document.createElement('code');
    text.textContent = code;
    item.append(title, ...(width > 0 ? [bar] : [document.createElement('br')]), text);
    log.prepend(item);
  }

  async function get() {
    const start = performance.now();
    const response = await fetch('report');
    await response.json();
    const ms = Math.max(1, Math.round(performance.now() - start));
    const status = response.headers.get('cache-status');
    const isHit = status.includes('; hit');
    const title = isHit ? ms + ' ms: from the cache' : ms + ' ms: the handler ran';
    show(isHit ? 'hit' : 'miss', title, Math.min(100, ms / 16), 'Cache-Status: ' + status);
  }

  async function purge() {
    const { purged } = await (await fetch('purge', { method: 'POST' })).json();
    show('purge', 'Purged', 0, 'cache.purge({ all: true }) removed ' + purged);
  }

  async function alone(work) {
    for (const button of buttons) button.disabled = true;
    try {
      await work();
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  }

  document.getElementById('get').onclick = () => alone(get);
  document.getElementById('purge').onclick = () => alone(purge);
  alone(get).then(() => alone(get));
</script>
</html>
`;

const server = app.listen(process.env.PORT ?? 3000, () => {
  console.log(`http://localhost:${server.address().port}/`);
});
