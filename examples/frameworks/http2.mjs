// HTTP/2, and HTTP/1.1 on the same port: what was stored for one answers the other.
//
//   node examples/frameworks/http2.mjs               in clear, for a proxy in front that speaks it
//   curl -i --http2-prior-knowledge localhost:3000/cities
//
//   TLS_KEY=key.pem TLS_CERT=cert.pem node examples/frameworks/http2.mjs
//   curl -ik https://localhost:3000/cities
//   curl -ik --http1.1 https://localhost:3000/cities

import { readFileSync } from 'node:fs';
import { createSecureServer, createServer } from 'node:http2';
import { redisCache } from 'redis-response-cache';

const cache = redisCache({ redis: process.env.REDIS_URL, ttl: '1h' });

function handler(_req, res) {
  res.setHeader('Content-Type', 'application/json');
  res.end(JSON.stringify({ cities: ['Berlin', 'Paris'], at: new Date() }));
}

const listener = (req, res) => cache(req, res, () => handler(req, res));
const { TLS_KEY, TLS_CERT } = process.env;
const server = TLS_KEY
  ? createSecureServer(
      { allowHTTP1: true, key: readFileSync(TLS_KEY), cert: readFileSync(TLS_CERT) },
      listener,
    )
  : createServer(listener);

server.listen(process.env.PORT ?? 3000, () => {
  console.log(`${TLS_KEY ? 'https' : 'http'}://localhost:${server.address().port}/cities`);
});
