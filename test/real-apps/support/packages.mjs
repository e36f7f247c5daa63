/*
 * node packages.mjs DIST EXPRESS     prints what an app of Express with packages that people use does behind the cache
 *
 * DIST is the folder of the build, EXPRESS the name of the package: `express` or `express4`.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import WebSocket from 'ws';

const [dist, name] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const express = require(name);
const { redisCache } = await import(pathToFileURL(join(dist, 'index.js')).href);
const { TEST_REDIS_URL: redis, PREFIX: prefix } = process.env;

const servers = [];
let count = 0;

async function listen(listener) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return server.address().port;
}

function newApp() {
  return express().set('env', 'test');
}

function newCache(options = {}) {
  return redisCache({ redis, prefix: `${prefix}${count++}:`, ttl: '1h', timeout: '10s', ...options });
}

/** The result of a request, and what the cache says of it. */
async function ask(port, path, headers = {}) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
  const body = await response.text();
  const says = (response.headers.get('cache-status') ?? '').replace(/^redis-response-cache; /, '');
  return { status: response.status, body, says: says.split(';')[0], headers: response.headers };
}

/** Two requests for one path, one after the other, as `status body: cache`. */
async function twice(cache, port, path, headers) {
  const answers = [];
  for (let i = 0; i < 2; i++) {
    const { status, body, says } = await ask(port, path, headers);
    await cache.idle();
    answers.push(`${status} ${body}: ${says}`);
  }
  return answers;
}

const SCENES = {
  /** Three sockets of one URL, of which each is greeted and gets an echo. */
  async 'express-ws'() {
    const cache = newCache();
    const app = newApp();
    const server = createServer(app).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    require('express-ws')(app, server);
    app.use(cache);
    app.ws('/live', (socket) => {
      socket.on('message', (message) => socket.send(`echo ${message}`));
      socket.send('welcome');
    });
    app.get('/page', (_req, res) => res.send('a page'));
    const greet = async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${server.address().port}/live`);
      const heard = [];
      socket.on('message', (message) => heard.push(String(message)));
      await once(socket, 'open');
      socket.send('hello');
      while (heard.length < 2) await once(socket, 'message');
      socket.terminate();
      return heard.join(', ');
    };
    const startedAt = performance.now();
    const sockets = await Promise.all([greet(), greet(), greet()]);
    const isPrompt = performance.now() - startedAt < 5000;
    return { sockets, isPrompt, page: await twice(cache, server.address().port, '/page') };
  },

  async 'http-proxy-middleware'() {
    const { createProxyMiddleware } = require('http-proxy-middleware');
    let runs = 0;
    const origin = await listen((req, res) => res.end(`${req.url} ${++runs}`));
    const cache = newCache();
    const app = newApp();
    app.use(cache, createProxyMiddleware({ target: `http://127.0.0.1:${origin}` }));
    return { pages: await twice(cache, await listen(app), '/a'), runs };
  },

  async 'express-http-proxy'() {
    let runs = 0;
    const origin = await listen((req, res) => res.end(`${req.url} ${++runs}`));
    const cache = newCache();
    const app = newApp().use(cache, require('express-http-proxy')(`http://127.0.0.1:${origin}`));
    return { pages: await twice(cache, await listen(app), '/a'), runs };
  },

  /** A page by the language that the middleware detects, which says `Content-Language` and no `Vary`. */
  async 'i18next-http-middleware'() {
    const i18next = require('i18next').createInstance();
    const { LanguageDetector, handle } = require('i18next-http-middleware');
    const resources = {
      de: { translation: { hello: 'Hallo' } },
      en: { translation: { hello: 'Hello' } },
    };
    await i18next
      .use(LanguageDetector)
      .init({ resources, fallbackLng: 'en', preload: ['de', 'en'], detection: { caches: [] } });
    const cache = newCache({ vary: { headers: ['Accept-Language'] } });
    const app = newApp().use(handle(i18next), cache);
    app.get('/', (req, res) => res.send(req.t('hello')));
    const port = await listen(app);
    const pages = {};
    for (const language of ['de', 'en']) {
      pages[language] = await twice(cache, port, '/', { 'Accept-Language': language });
      const { headers } = await ask(port, '/', { 'Accept-Language': language });
      pages[language].push(headers.get('content-language'));
    }
    return pages;
  },

  /** Logs of middleware in front, which see a hit as they see any other answer. */
  async 'morgan and pino-http'() {
    const lines = [];
    const logs = [];
    const stream = { write: (line) => lines.push(line.trim()) };
    const logger = require('pino-http')(
      { customSuccessMessage: (_req, res) => `answered ${res.statusCode}` },
      new Writable({
        write(line, _encoding, done) {
          logs.push(JSON.parse(String(line)).msg);
          done();
        },
      }),
    );
    const cache = newCache();
    const app = newApp().use(
      require('morgan')(':method :url :status :res[content-length]', { stream }),
      logger,
    );
    app.use(cache);
    app.get('/a', (_req, res) => res.send('a page'));
    const pages = await twice(cache, await listen(app), '/a');
    while (lines.length < 2 || logs.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    return { pages, lines, logs };
  },

  /** The limiter counts hits, too, and its fields are those of each request. */
  async 'express-rate-limit'() {
    const { rateLimit } = require('express-rate-limit');
    const cache = newCache();
    const limiter = rateLimit({
      windowMs: 60_000,
      limit: 3,
      legacyHeaders: false,
      standardHeaders: 'draft-7',
    });
    const app = newApp().use(limiter, cache);
    app.get('/a', (_req, res) => res.send('a page'));
    const port = await listen(app);
    const answers = [];
    for (let i = 0; i < 4; i++) {
      const { status, says, headers } = await ask(port, '/a');
      await cache.idle();
      answers.push(`${status} ${says}, ${/remaining=\d+/.exec(headers.get('ratelimit'))}`);
    }
    return answers;
  },

  /** Middleware behind the cache has its `Vary` and its encoding stored with the response. */
  async 'compression and helmet behind'() {
    const cache = newCache();
    const app = newApp().use(cache, require('helmet')(), require('compression')({ threshold: 0 }));
    app.get('/a', (_req, res) => res.send('a page '.repeat(100)));
    const port = await listen(app);
    const answers = [];
    for (const coding of ['gzip', 'gzip', 'identity']) {
      const { status, body, says, headers } = await ask(port, '/a', { 'Accept-Encoding': coding });
      await cache.idle();
      const policy = headers.has('content-security-policy');
      answers.push([status, body.length, says, headers.get('content-encoding'), policy].join(' '));
    }
    return answers;
  },
};

const results = {};
for (const [scene, run] of Object.entries(SCENES)) results[scene] = await run();
console.log(JSON.stringify(results));
process.exit();
