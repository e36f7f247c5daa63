/* Compiled by test/package/types.test.ts: the declarations for `require`. */

import cache = require('redis-response-cache');
import http = require('node:http');

const one = cache.redisCache({ redis: process.env.REDIS_URL, when: (req) => req.method === 'GET' });
http.createServer((req, res) => one(req, res, () => res.end()));
