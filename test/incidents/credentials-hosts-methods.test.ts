import { describe, expect, test } from '@jest/globals';
import { bare, express5app, type Handler, newCache, serve } from '../support/app.ts';
import { ask, Connection } from '../support/client.ts';

/* Whose response it is: cookies, credentials, hosts and methods that caches have mixed up. */

describe('S1, Set-Cookie is replayed', () => {
  const login: Handler = (req, res) => {
    res.setHeader('Cache-Control', 'max-age=60');
    res.setHeader('Set-Cookie', `sid=${req.url?.slice(2) ?? ''}${Math.random()}`);
    res.end('welcome');
  };

  test('a response with a cookie is not stored, whatever it says of itself', async () => {
    const cache = newCache();
    const port = await serve(bare(cache, login));
    const first = await ask(port);
    await cache.idle();
    const second = await ask(port);
    expect(first.header('cache-status')).toMatch(/detail=set-cookie/);
    expect(second.header('set-cookie')).not.toBe(first.header('set-cookie'));
  });

  test('who waits for a fill under way is not given its cookie', async () => {
    const cache = newCache({ collapse: { wait: 500 } });
    const arrived: (() => void)[] = [];
    const port = await serve(
      bare(cache, (req, res, next) => {
        arrived.push(() => login(req, res, next));
        if (arrived.length === 3) for (const answer of arrived) answer();
      }),
    );
    const answers = await Promise.all([ask(port), ask(port), ask(port)]);
    expect(new Set(answers.map((answer) => answer.header('set-cookie'))).size).toBe(3);
  });

  test('no directive of a client revives a response that was refused for its cookie', async () => {
    const cache = newCache();
    const port = await serve(bare(cache, login));
    await ask(port);
    await cache.idle();
    for (const directives of [
      'max-stale',
      'max-stale=99999',
      'only-if-cached, max-stale',
      'only-if-cached',
    ]) {
      const answer = await ask(port, { headers: { 'Cache-Control': directives } });
      expect(answer.header('cache-status')).not.toMatch(/hit/);
      if (directives.startsWith('only')) expect(answer.status).toBe(504);
    }
  });

  test("stripped on request, it is nobody else's", async () => {
    const cache = newCache({ setCookie: 'strip' });
    const port = await serve(bare(cache, login));
    expect((await ask(port)).header('set-cookie')).toMatch(/^sid=/);
    await cache.idle();
    const hit = await ask(port);
    expect(hit.header('cache-status')).toMatch(/; hit;/);
    expect(hit.header('set-cookie')).toBeUndefined();
  });
});

describe('S2, the identity is missing in the key', () => {
  const mine: Handler = (req, res) => res.end(`${req.headers.authorization} ${req.headers.cookie}`);

  test.each([
    ['Authorization', { Authorization: 'Bearer alice' }],
    ['a cookie', { Cookie: 'sid=alice' }],
  ])("what a handler makes of %s is not the next one's, and not of one without", async (_name, headers) => {
    const cache = newCache();
    const port = await serve(bare(cache, mine));
    expect((await ask(port, { headers })).body).toContain('alice');
    await cache.idle();
    expect((await ask(port)).body).toBe('undefined undefined');
    await cache.idle();
    expect((await ask(port, { headers })).body).toContain('alice');
  });

  test("a response to a request with Authorization is nobody else's without its word, guarded or not", async () => {
    const cache = newCache({ guard: 'off' });
    const port = await serve(
      bare(cache, (_req, res) => res.setHeader('Cache-Control', 'max-age=60').end('made')),
    );
    await ask(port, { headers: { Authorization: 'Bearer alice' } });
    await cache.idle();
    expect((await ask(port)).header('cache-status')).toMatch(/uri-miss/);
  });

  test.each(['Authorization', 'Cookie'])('Vary: %s keeps each its own', async (name) => {
    const cache = newCache();
    const port = await serve(
      bare(cache, (req, res) => res.setHeader('Vary', name).end(String(req.headers[name.toLowerCase()]))),
    );
    for (const who of ['alice', 'bob', 'alice', 'bob']) {
      expect((await ask(port, { headers: { [name]: who } })).body).toContain(who);
      await cache.idle();
    }
    expect((await ask(port, { headers: { [name]: 'bob' } })).header('cache-status')).toMatch(/; hit;/);
  });
});

describe('S3, the host is missing in the key', () => {
  const where: Handler = (req, res) => res.end(req.headers.host);

  test('two hosts share nothing', async () => {
    const cache = newCache();
    const port = await serve(bare(cache, where));
    for (const host of ['a.example', 'b.example', 'a.example:8080', 'a.example']) {
      expect((await ask(port, { headers: { Host: host } })).body).toBe(host);
      await cache.idle();
    }
  });

  test.each(['X-Forwarded-Host', 'X-Host', 'Forwarded', 'X-Original-URL', 'X-Rewrite-URL'])(
    '%s of a client that is not trusted moves nothing to another host',
    async (name) => {
      const cache = newCache();
      const port = await serve(express5app(cache, where));
      await ask(port, { headers: { Host: 'a.example', [name]: 'host=b.example' } });
      await cache.idle();
      expect((await ask(port, { headers: { Host: 'b.example' } })).header('cache-status')).toMatch(
        /uri-miss/,
      );
    },
  );

  test.each(['a b', 'a/../b', 'a@b', 'a,b', 'a?b', '[::1', 'a:99999999', ''])(
    'a Host like %j is forwarded and stored nowhere',
    async (host) => {
      const cache = newCache();
      const port = await serve(bare(cache, where));
      const answer = await ask(port, { headers: { Host: host } });
      if (answer.status === 200) expect(answer.header('cache-status')).toMatch(/fwd=bypass; detail=target/);
    },
  );
});

describe('S4, one method is answered with the response to another', () => {
  const how: Handler = (req, res) => res.end(req.method);

  test('a POST is neither answered from a GET nor stored for one', async () => {
    const cache = newCache();
    const port = await serve(bare(cache, how));
    expect((await ask(port, { method: 'POST' })).body).toBe('POST');
    await cache.idle();
    expect((await ask(port)).body).toBe('GET');
    await cache.idle();
    expect((await ask(port, { method: 'POST' })).body).toBe('POST');
  });

  test('the empty answer to a HEAD is not the answer to a GET', async () => {
    const cache = newCache();
    const port = await serve(bare(cache, how));
    await ask(port, { method: 'HEAD' });
    await cache.idle();
    expect((await ask(port)).body).toBe('GET');
  });

  test.each(['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'])(
    'a GET that %s turns into something else is not stored, and not answered from what is',
    async (name) => {
      const cache = newCache();
      const app: Handler = (req, res) => res.end(String(req.headers[name.toLowerCase()] ?? 'GET'));
      const port = await serve(bare(cache, app));
      const disguised = { headers: { [name]: 'DELETE' } };
      expect((await ask(port, disguised)).header('cache-status')).toMatch(/detail=method-override/);
      await cache.idle();
      expect((await ask(port)).body).toBe('GET');
      await cache.idle();
      expect((await ask(port, disguised)).body).toBe('DELETE');
    },
  );

  test('a POST that middleware in front turned into a GET bypasses the cache', async () => {
    const cache = newCache();
    const port = await serve(
      bare(
        (req, _res, next) => {
          const { originalMethod = req.method } = req as { originalMethod?: string };
          Object.assign(req, { originalMethod, method: 'GET' });
          next();
        },
        cache,
        (_req, res) => res.end('made'),
      ),
    );
    expect((await ask(port, { method: 'POST' })).header('cache-status')).toMatch(/detail=method-override/);
    expect((await ask(port)).header('cache-status')).toMatch(/stored/);
  });

  test('an answer to HEAD leaves the connection in order', async () => {
    const cache = newCache();
    const port = await serve(bare(cache, how));
    const session = new Connection(port);
    await session.ask({});
    await cache.idle();
    expect((await session.ask({ method: 'HEAD' })).header('content-length')).toBe('3');
    expect((await session.ask({})).body).toBe('GET');
    session.close();
  });
});
