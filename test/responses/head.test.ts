import { describe, expect, test } from '@jest/globals';
import { fewFrameworks } from '../support/app.ts';
import { askOnce, pipeline } from '../support/client.ts';
import { bodyCases } from './support/body-cases.ts';
import { expressCases } from './support/express-cases.ts';
import { headCases } from './support/head-cases.ts';
import { cacheWith, expectHit, expectSame, firstAnswers } from './support/matrix.ts';
import { stage } from './support/stage.ts';

/* HEAD, forwarded requests and persistent connections: the same responses, framed in other ways. */

describe.each(fewFrameworks)('$name', (framework) => {
  const all = [...bodyCases, ...headCases, ...(framework.express ? expressCases : [])];

  test.each(all)(
    'HEAD of a response made by $name passes unharmed, and is answered from a stored GET',
    async (one) => {
      const head = { ...one.asked, method: 'HEAD' };
      const { cached } = await firstAnswers(framework, { ...one, asked: head });
      await askOnce(cached.port, one.asked);
      await cacheWith().idle();
      expect(cached.runs()).toBe(2);
      const hit = await askOnce(cached.port, one.asked);
      const headHit = await askOnce(cached.port, head);
      expectHit(headHit);
      expect(headHit.rest).toHaveLength(0);
      expectSame({ ...headHit, bytes: hit.bytes }, hit);
      if (hit.status !== 204) expect(headHit.header('content-length')).toBe(String(hit.body.length));
      expect(cached.runs()).toBe(2);
    },
  );

  test.each(headCases)('a forwarded response made by $name passes unharmed', (one) =>
    firstAnswers(framework, { ...one, options: { when: () => false } }),
  );

  test('hits, misses, HEAD and 304 follow each other on one connection', async () => {
    const server = await stage(framework, [cacheWith()], (_req, res) => {
      res.setHeader('ETag', '"v1"');
      res.write('bo');
      res.end('dy');
    });
    await askOnce(server.port, '/a');
    await cacheWith().idle();
    const match = { 'if-none-match': '"v1"' };
    const answers = await pipeline(server.port, [
      { path: '/a' },
      { path: '/a', method: 'HEAD' },
      { path: '/a', headers: match },
      { path: '/b' },
      { path: '/a', method: 'HEAD', headers: match },
      { path: '/c', headers: match },
      { path: '/a' },
    ]);
    expect(answers.map(({ status, body }) => `${status} ${body}`)).toEqual([
      '200 body',
      '200 ',
      '304 ',
      '200 body',
      '304 ',
      '304 ',
      '200 body',
    ]);
    expect(answers.at(-1)?.rest).toHaveLength(0);
    expect(server.runs()).toBe(3);
  });

  test('a HEAD that finds nothing is not stored', async () => {
    const server = await stage(framework, [cacheWith()], (_req, res) => res.end('body'));
    for (let i = 1; i <= 2; i++) {
      const answer = await askOnce(server.port, { method: 'HEAD' });
      expect(answer.header('cache-status')).toMatch(/fwd=uri-miss; detail=head/);
      await cacheWith().idle();
      expect(server.runs()).toBe(i);
    }
  });
});
