// node stage.mjs FILE...     runs parts of programs, one after the other, and says as JSON what each threw

import { EventEmitter } from 'node:events';
import http from 'node:http';
import { Server } from 'node:net';
import { pathToFileURL } from 'node:url';
import { metrics, trace } from '@opentelemetry/api';
import compression from 'compression';
import cors from 'cors';
import express from 'express';
import { Redis } from 'ioredis';
import { Registry } from 'prom-client';
import { redisCache } from 'redis-response-cache';

// Nobody else's port.
const { listen } = Server.prototype;
Server.prototype.listen = function (_port, ...others) {
  return listen.call(this, 0, '127.0.0.1', ...others);
};
// No request leaves this machine.
const SITEMAP = '<urlset><url><loc>https://www.example.com/</loc></url></urlset>';
globalThis.fetch = async () => new Response(SITEMAP);

const answer = (_req, res) => res.end();
const app = express().use((_req, res) => res.send('made'));
const redis = new Redis(process.env.TEST_REDIS_URL, { keyPrefix: process.env.PREFIX });
Object.assign(globalThis, {
  express,
  redisCache,
  http,
  app,
  redis,
  compression,
  cors,
  cache: redisCache({ redis, timeout: '2s' }),
  router: express.Router(),
  api: express.Router(),
  handler: answer,
  listLeads: answer,
  rates: answer,
  requestId: () => (_req, _res, next) => next(),
  session: () => (_req, _res, next) => next(),
  authentication: () => (_req, _res, next) => next(),
  slowAndMetered: async (query) => query,
  loadRates: async (currency) => ({ currency }),
  token: 'signed',
  log: Object.assign(new EventEmitter(), { info() {}, warn() {} }),
  register: new Registry(),
  meter: metrics.getMeter('app'),
  tracer: trace.getTracer('app'),
});

const threw = {};
let running;
process.on('unhandledRejection', (error) => {
  threw[running] ??= String(error);
});
for (running of process.argv.slice(2)) {
  try {
    await import(pathToFileURL(running));
    await new Promise(setImmediate);
  } catch (error) {
    threw[running] ??= String(error);
  }
}
console.log(JSON.stringify(threw));
process.exit();
