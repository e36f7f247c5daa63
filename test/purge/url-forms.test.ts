import { describe, expect, test } from '@jest/globals';
import express from 'express';
import { formsOf, idOfUrl } from '../../src/key/tags.ts';
import { newCache, serve } from '../support/app.ts';
import { listedEntries } from '../support/entries.ts';
import { everywhere, siteOf } from '../support/stores.ts';

/* URLs that Express takes for the same route: an unsafe request to one of them invalidates the others. */

const FORMS = ['/leads', '/leads/', '/LEADS', '/Leads/', '/leAds?page=1'];

everywhere((open) => {
  const leads = async (options: object = {}) => {
    const cache = newCache({ ...open(), ttl: '1h', ...options });
    const app = express();
    let version = 1;
    app.use(cache as never);
    app.get('/leads', (_req, res) => void res.send(`version ${version}`));
    app.get('/others', (_req, res) => void res.send('others'));
    app.post('/leads', (_req, res) => void res.send(`version ${++version}`));
    return siteOf(cache, await serve(app));
  };

  test.each(['/leads', '/leads/', '/LEADS', '/lEADS/'])('by a POST to %s', async (path) => {
    const { get } = await leads();
    for (const form of [...FORMS, '/others', '/OTHERS']) await get(form);
    for (const form of FORMS) expect((await get(form)).cacheStatus).toMatch(/^hit/);
    await get({ method: 'POST', path });
    const answers = [];
    // The query of this one differs from that of the POST, but its tag tells no query.
    for (const form of FORMS) answers.push((await get(form)).body);
    expect(answers).toEqual(FORMS.map(() => 'version 2'));
    for (const other of ['/others', '/OTHERS']) expect((await get(other)).cacheStatus).toMatch(/^hit/);
  });

  test('under a key of its own', async () => {
    const { get } = await leads({ key: (req: { url?: string }) => ['own', req.url] });
    for (const form of FORMS) await get(form);
    await get({ method: 'POST', path: '/LeadS' });
    for (const form of FORMS) expect((await get(form)).body).toBe('version 2');
  });

  test('a purge by URL purges this form alone', async () => {
    const { cache, get } = await leads();
    for (const form of FORMS) await get({ path: form, headers: { Host: 'a.example' } });
    expect(await cache.purge({ url: 'http://a.example/LEADS' })).toBe(1);
    expect((await get({ path: '/leads', headers: { Host: 'a.example' } })).cacheStatus).toMatch(/^hit/);
  });

  test('only a path with upper case has the tag', async () => {
    const { cache, get } = await leads();
    for (const form of ['/leads', '/leads/', '/others?A=B', '/LEADS']) await get(form);
    await cache.idle();
    const tagged = (await listedEntries(cache)).flatMap((entry) =>
      entry.readable && entry.tags.length > 0 ? [entry.url] : [],
    );
    expect(tagged).toEqual([expect.stringMatching(/\/LEADS$/)]);
  });
});

describe('the forms of a URL', () => {
  test.each([
    ['http://h/', ['http://h/']],
    ['http://h/a', ['http://h/a', 'http://h/a/']],
    ['http://h/A/', ['http://h/A/', 'http://h/a', 'http://h/a/']],
    ['http://h/A?B=/C/', ['http://h/A?B=/C/', 'http://h/a?B=/C/', 'http://h/a/?B=/C/']],
    ['http://h/caf%C3%A9', ['http://h/caf%C3%A9', 'http://h/caf%C3%A9/']],
    ['http://h/caf%c3%a9', ['http://h/caf%c3%a9', 'http://h/caf%C3%A9', 'http://h/caf%C3%A9/']],
  ])('%s', (url, forms) => {
    expect(formsOf(url)).toEqual(forms);
    expect(new Set(forms.map(idOfUrl)).size).toBe(1);
  });

  test('are found in a time that grows with the length alone', () => {
    const url = `http://h/${'/'.repeat(100_000)}a`;
    const startedAt = performance.now();
    formsOf(url);
    expect(performance.now() - startedAt).toBeLessThan(500);
  });
});
