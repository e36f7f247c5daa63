/// <reference path="./page-files.d.ts" />
import addressJs from './page/address.js';
import chartsJs from './page/charts.js';
import confirmJs from './page/confirm.js';
import countJs from './page/count.js';
import domJs from './page/dom.js';
import entryJs from './page/entry.js';
import explanationJs from './page/explanation.js';
import formatJs from './page/format.js';
import headJs from './page/head.js';
import iconSvg from './page/icon.svg';
import indexHtml from './page/index.html';
import liveJs from './page/live.js';
import mainJs from './page/main.js';
import operateJs from './page/operate.js';
import pageCss from './page/page.css';
import responsesJs from './page/responses.js';
import serverJs from './page/server.js';
import storeJs from './page/store.js';
import summaryJs from './page/summary.js';
import type { Settings } from './settings.ts';

/** The files of the page. They need no build step, and load nothing from another origin. */

export interface Asset {
  readonly type: string;
  readonly body: Buffer;
}

const SCRIPTS: Readonly<Record<string, string>> = {
  'main.js': mainJs,
  'address.js': addressJs,
  'charts.js': chartsJs,
  'confirm.js': confirmJs,
  'count.js': countJs,
  'dom.js': domJs,
  'entry.js': entryJs,
  'explanation.js': explanationJs,
  'format.js': formatJs,
  'head.js': headJs,
  'live.js': liveJs,
  'operate.js': operateJs,
  'responses.js': responsesJs,
  'server.js': serverJs,
  'store.js': storeJs,
  'summary.js': summaryJs,
};

/** The files by path. The HTML states what the page may do (`data-may`) and the name of the cache. */
export function createAssets({ readOnly, warm }: Settings, name: string): ReadonlyMap<string, Asset> {
  const permissions = readOnly ? '' : warm ? 'change warm' : 'change';
  const html = indexHtml
    .replace('data-may=""', `data-may="${permissions}"`)
    .replace(/(<title>|<span id="name">)Cache/g, (_, tag) => tag + escapeHtml(name));
  const asset = (type: string, text: string): Asset => ({
    type: `${type}; charset=utf-8`,
    body: Buffer.from(text),
  });
  return new Map([
    ['/', asset('text/html', html)],
    ['/page.css', asset('text/css', pageCss)],
    ['/icon.svg', asset('image/svg+xml', iconSvg)],
    ...Object.entries(SCRIPTS).map(
      ([name, text]) => [`/${name}`, asset('text/javascript', text)] as [string, Asset],
    ),
  ]);
}

function escapeHtml(text: string): string {
  return text.replace(/[^\w .-]/g, (character) => `&#${character.charCodeAt(0)};`);
}
