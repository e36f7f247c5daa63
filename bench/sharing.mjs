// node bench/sharing.mjs [DIST]     what a usual stack of middleware gets from the cache: wrong answers, hits and runs
//
// DIST is the folder of a build: `dist`, or that of another version. Two hundred callers visit fifty pages, of which ten are
// made for one person, each by another channel, and one goes by the language. All is seeded: two runs of one build differ
// by nothing. Requests come one after the other, each when nothing goes on behind the answer to the one before.

import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { Agent, createServer, request as httpRequest } from 'node:http';
import { resolve } from 'node:path';
import { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import cookieParser from 'cookie-parser';
import express from 'express';
import { rateLimit } from 'express-rate-limit';
import session from 'express-session';
import helmet from 'helmet';
import i18next from 'i18next';
import { handle, LanguageDetector } from 'i18next-http-middleware';
import morgan from 'morgan';
import passport from 'passport';
import { pinoHttp } from 'pino-http';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { requests: { type: 'string', default: '6000' }, seed: { type: 'string', default: '1' } },
});
const dist = resolve(positionals[0] ?? 'dist');
const { redisCache } = await import(pathToFileURL(resolve(dist, 'index.js')).href);

const PAGES = 50;
const REQUESTS = Number(values.requests);

/** Mulberry32. */
function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Profile {
  constructor(name) {
    this.name = name;
  }
}

/** The ten channels: what middleware in front does with the person, and how the page finds the person. */
function channels() {
  const storage = new AsyncLocalStorage();
  const persons = new WeakMap();
  return [
    { find: (req) => req.user?.name },
    {
      place: (req, res) => {
        res.locals.user = req.user && { name: req.user.name };
      },
      find: (_req, res) => res.locals.user?.name,
    },
    {
      place: (req) => {
        if (req.user) req.profile = new Profile(req.user.name);
      },
      find: (req) => req.profile?.name,
    },
    {
      place: (req) => {
        Object.defineProperty(req, 'account', { get: () => req.user, enumerable: true, configurable: true });
      },
      find: (req) => req.account?.name,
    },
    { place: (req, _res, next) => storage.run(req.user?.name, next), find: () => storage.getStore() },
    {
      place: (req) => {
        if (req.user) persons.set(req, req.user.name);
      },
      find: (req) => persons.get(req),
    },
    {
      place: (req) => {
        const { user } = req;
        req.whoami = () => user?.name;
      },
      find: (req) => req.whoami(),
    },
    { find: (req) => (req.isAuthenticated() ? req.user.name : undefined) },
    { find: (req) => req.session?.cart },
    { find: (req) => (req.user?.role === 'admin' ? 'an admin' : undefined) },
  ];
}

/** Whose page it is: what the channels find for a caller. */
function ownerOf(channel, { kind, name }) {
  if (channel === 8) return kind === 'stranger' ? undefined : name;
  if (channel === 9) return kind === 'admin' ? 'an admin' : undefined;
  return kind === 'member' || kind === 'admin' ? name : undefined;
}

const LANGUAGE = 10;
const nowhere = () => new Writable({ write: (_line, _encoding, done) => done() });

async function newApp(cache, isDoor, count) {
  const app = express().set('env', 'test');
  const translations = i18next.createInstance();
  await translations.use(LanguageDetector).init({
    resources: { de: { translation: { hello: 'Hallo' } }, en: { translation: { hello: 'Hello' } } },
    fallbackLng: 'en',
    preload: ['de', 'en'],
    detection: { order: ['header'], caches: [] },
  });
  const passports = new passport.Passport();
  passports.use('name', {
    authenticate(req) {
      this.success({ name: req.query.name, role: req.query.role });
    },
  });
  passports.serializeUser((user, done) => done(null, user));
  passports.deserializeUser((user, done) => done(null, user));

  app.use(morgan('combined', { stream: nowhere() }), pinoHttp({}, nowhere()), helmet());
  app.use(rateLimit({ limit: 1e9, validate: false }), cookieParser(), handle(translations));
  app.use(session({ secret: 'secret', resave: false, saveUninitialized: !isDoor }));
  app.use(passports.initialize(), passports.session());
  app.post('/start', (req, res) => {
    req.session.cart = req.query.name;
    res.end();
  });
  app.post('/login', passports.authenticate('name', { keepSessionInfo: true }), (_req, res) => res.end());
  const all = channels();
  for (const { place } of all) {
    if (!place) continue;
    const layer = (req, res, next) => {
      place(req, res);
      next();
    };
    app.use(place.length > 2 ? place : layer);
  }
  if (!isDoor) app.use(cache);
  const db = { find: (page) => `row ${page}` };
  app.get('/:page', (req, res) => {
    count();
    const page = Number(req.params.page);
    const channel = all[page];
    if (channel) res.send(`${page} for ${channel.find(req, res) ?? 'nobody'}`);
    else if (page === LANGUAGE) res.vary('Accept-Language').send(`${page} ${req.t('hello')}`);
    else res.send(`${page}: ${db.find(page)}`);
  });
  return app;
}

/** Eighty strangers, of whom half have a cookie of analytics, seventy guests, forty-five members and five admins. */
function newCallers() {
  const kindOf = (i) => (i < 80 ? 'stranger' : i < 150 ? 'guest' : i < 195 ? 'member' : 'admin');
  return Array.from({ length: 200 }, (_, i) => ({
    name: `caller${i}`,
    kind: kindOf(i),
    language: i % 3 === 0 ? 'de' : 'en',
    cookies: i % 2 ? [`_ga=GA1.2.${i}.17`] : [],
  }));
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function send(port, method, path, caller) {
  const headers = { Host: 'site.example', 'Accept-Language': caller.language };
  if (caller.cookies.length > 0) headers.Cookie = caller.cookies.join('; ');
  return new Promise((done, failed) => {
    const request = httpRequest({ port, method, path, headers, agent }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => {
        body += text;
      });
      response.on('end', () => done({ body, headers: response.headers }));
    });
    request.on('error', failed).end();
  });
}

async function measured({ isDoor, options }) {
  const random = seeded(Number(values.seed));
  const cache = redisCache({ ttl: '1h', timeout: '10s', ...options });
  let runs = 0;
  const app = await newApp(cache, isDoor, () => runs++);
  const server = createServer(isDoor ? cache.before(app) : app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();

  const callers = newCallers();
  for (const caller of callers) {
    if (caller.kind === 'stranger') continue;
    const login = `name=${caller.name}&role=${caller.kind}`;
    for (const path of caller.kind === 'guest' ? ['/start'] : ['/start', '/login']) {
      const { headers } = await send(port, 'POST', `${path}?${login}`, caller);
      const cookie = headers['set-cookie']?.[0].split(';')[0];
      if (cookie) caller.cookies = [...caller.cookies.filter((text) => text.startsWith('_')), cookie];
    }
  }
  runs = 0;

  const result = { anothers: 0, strangers: 0, hits: 0, publicHits: 0, publicRequests: 0, forClients: 0 };
  for (let i = 0; i < REQUESTS; i++) {
    const caller = callers[Math.floor(random() * callers.length)];
    // A few pages are visited often.
    const page = Math.floor(random() ** 1.5 * PAGES);
    // Personal pages are not the most visited ones.
    const path = (page + 13) % PAGES;
    const { body, headers } = await send(port, 'GET', `/${path}`, caller);
    await cache.idle();
    const owner = ownerOf(path, caller);
    if (path < LANGUAGE) {
      if (body !== `${path} for ${owner ?? 'nobody'}`) {
        if (body === `${path} for nobody`) result.strangers++;
        else result.anothers++;
      }
    } else if (path === LANGUAGE) {
      if (body !== `${path} ${caller.language === 'de' ? 'Hallo' : 'Hello'}`) result.anothers++;
    }
    const status = headers['cache-status'] ?? '';
    const isHit = /; (?:hit|.*collapsed)/.test(status);
    if (isHit) result.hits++;
    else result.forClients++;
    if (path >= LANGUAGE) {
      result.publicRequests++;
      if (isHit) result.publicHits++;
    }
  }
  result.behind = runs - result.forClients;
  await cache.close();
  server.closeAllConnections();
  server.close();
  return result;
}

const SETTINGS = [
  { name: 'app.use, a session for every guest', isDoor: false },
  { name: 'cache.before, saveUninitialized: false', isDoor: true },
  {
    name: 'app.use, never with a cookie (`when`)',
    isDoor: false,
    options: { when: (req) => req.headers.cookie === undefined },
  },
];

const share = (part, whole) => `${((100 * part) / whole).toFixed(1)} %`;
const cells = (list) => `| ${list.join(' | ')} |`;
console.log(
  `${REQUESTS} requests of 200 callers for ${PAGES} pages (10 personal, 1 by language), seed ${values.seed}`,
);
console.log(`build: ${dist}\n`);
const HEAD = [
  ...['setting', 'given another’s page', 'given a stranger’s page', 'hits', 'hits of pages for all'],
  ...['runs for clients', 'runs behind answers'],
];
console.log(cells(HEAD));
console.log(cells(HEAD.map(() => '---')));
for (const setting of SETTINGS) {
  const { anothers, strangers, hits, publicHits, publicRequests, forClients, behind } =
    await measured(setting);
  console.log(
    cells([
      ...[setting.name, anothers, strangers, share(hits, REQUESTS), share(publicHits, publicRequests)],
      ...[forClients, behind],
    ]),
  );
}
agent.destroy();
