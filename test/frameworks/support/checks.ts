import { expect } from '@jest/globals';
import type { CacheMiddleware } from '../../../src/index.ts';
import type { Answer } from '../../support/client.ts';
import type { Running } from './frameworks.ts';

/* What a user sees of a cache, in every framework. */

export interface Stage extends Running {
  readonly idle: CacheMiddleware['idle'];
  /** Of all that is stored. */
  readonly purge: () => Promise<number>;
}

type Check = (stage: Stage) => Promise<void>;

/** Of one connection or one moment, and what the cache itself says. */
const OWN = [
  'age',
  'cache-status',
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'transfer-encoding',
];

function fieldsOf({ lines }: Answer): string[] {
  const named = lines.map(([name, value]) => `${name.toLowerCase()}: ${value}`);
  return named.filter((line) => !OWN.includes(line.split(':')[0] ?? '')).sort();
}

function says(answer: Answer): string {
  return answer.header('cache-status')?.replace('redis-response-cache; ', '') ?? '';
}

const HIT = /^hit; ttl=3\d\d\d$/;

/** The first and the second answer. */
async function twice({ ask, idle, base = '' }: Stage, path: string): Promise<[Answer, Answer]> {
  const first = await ask({ path: base + path });
  await idle();
  return [first, await ask({ path: base + path })];
}

export const checks: Readonly<Record<string, Check>> = {
  async 'the app answers first, then the cache, with the same bytes and fields'(stage) {
    const [first, second] = await twice(stage, '/made?check=same');
    expect(first.status).toBe(200);
    expect(says(first)).toMatch(/^fwd=uri-miss/);
    expect(says(second)).toMatch(HIT);
    expect(second.body).toBe(first.body);
    expect(Buffer.from(second.body, 'latin1').toString()).toMatch('"city":"Z\xfcrich"');
    expect(fieldsOf(second)).toEqual(fieldsOf(first));
    expect(fieldsOf(second)).toEqual(
      expect.arrayContaining(['link: </a>; rel="next"', 'link: </b>; rel="prev"', 'x-made-by: the app']),
    );
    expect(second.header('content-length')).toBe(String(second.body.length));
  },

  async 'a stream passes whole, and is stored'(stage) {
    const [first, second] = await twice(stage, '/stream');
    expect(first.body).toMatch(/^run \d+\nx{70000}\nend$/);
    expect(first.complete).toBe(true);
    expect(says(second)).toMatch(HIT);
    expect(second.body).toBe(first.body);
    expect(fieldsOf(second)).toEqual(fieldsOf(first));
  },

  async 'HEAD is answered by what GET has stored'(stage) {
    const [, got] = await twice(stage, '/made?check=head');
    const head = await stage.ask({ method: 'HEAD', path: `${stage.base ?? ''}/made?check=head` });
    expect(says(head)).toMatch(HIT);
    expect(head).toMatchObject({ status: 200, body: '' });
    expect(fieldsOf(head)).toEqual(fieldsOf(got));
    expect(head.header('content-length')).toBe(got.header('content-length'));
  },

  async 'HEAD before GET stores nothing that would be wrong'(stage) {
    const path = `${stage.base ?? ''}/made?check=head-first`;
    await stage.ask({ method: 'HEAD', path });
    await stage.idle();
    expect((await stage.ask({ path })).body).toMatch(/^\{"run":\d+,/);
  },

  async "a client that has it already is answered 304, by the app's answer and by the cache"(stage) {
    const path = `${stage.base ?? ''}/made?check=304`;
    const headers = { 'If-None-Match': '"made"' };
    const miss = await stage.ask({ path, headers });
    expect(miss).toMatchObject({ status: 304, body: '' });
    await stage.idle();
    const hit = await stage.ask({ path, headers });
    expect(hit).toMatchObject({ status: 304, body: '' });
    expect(says(hit)).toMatch(HIT);
    expect(hit.header('etag')).toBe('"made"');
    // The whole was stored, and is there for who asks for it.
    expect(await stage.ask({ path })).toMatchObject({ status: 200, complete: true });
  },

  async 'a range is cut out of what is stored'(stage) {
    const [whole] = await twice(stage, '/made?check=range');
    const headers = { Range: 'bytes=1-5' };
    const part = await stage.ask({ path: `${stage.base ?? ''}/made?check=range`, headers });
    expect(part).toMatchObject({ status: 206, body: whole.body.slice(1, 6) });
  },

  async "an error is the framework's own answer, each time anew"(stage) {
    const [first, second] = await twice(stage, '/fails');
    for (const answer of [first, second]) {
      expect(answer.status).toBe(500);
      expect(says(answer)).toMatch(/^fwd=uri-miss; detail=status$/);
    }
  },

  async 'what is not there is remembered as not there'(stage) {
    const [first, second] = await twice(stage, '/nothing-here');
    expect([first.status, second.status]).toEqual([404, 404]);
    expect(second.body).toBe(first.body);
    // Frameworks of pages say themselves that theirs are not to be stored.
    if (!first.header('cache-control')) expect(says(second)).toMatch(/^hit; ttl=(?:60|5\d)$/);
  },

  async 'POST passes with its body, and invalidates'(stage) {
    const path = `${stage.base ?? ''}/made?check=post`;
    const [, before] = await twice(stage, '/made?check=post');
    const headers = { 'Content-Type': 'application/json' };
    const posted = await stage.ask({ method: 'POST', path, headers, body: '{"words":"some words"}' });
    expect(posted.body).toMatch(/^run \d+ changed by some words$/);
    expect(says(posted)).toMatch(/^fwd=method/);
    await stage.idle();
    const after = await stage.ask({ path });
    expect(says(after)).toMatch(/^fwd=uri-miss/);
    expect(after.body).not.toBe(before.body);
  },

  async 'a purge ends what is stored'(stage) {
    const [first] = await twice(stage, '/made?check=purge');
    expect(await stage.purge()).toBeGreaterThan(0);
    const after = await stage.ask({ path: `${stage.base ?? ''}/made?check=purge` });
    expect(says(after)).toMatch(/^fwd=uri-miss/);
    expect(after.body).not.toBe(first.body);
  },

  async 'two at once are made once'(stage) {
    const path = `${stage.base ?? ''}/slow`;
    const [one, other] = await Promise.all([stage.ask({ path }), stage.ask({ path })]);
    expect(other.status).toBe(200);
    expect(other.body).toBe(one.body);
    expect(fieldsOf(other)).toEqual(fieldsOf(one));
    // On a machine that is busy enough the second comes when the first is done.
    expect([one, other].filter((answer) => /collapsed|^hit/.test(says(answer)))).toHaveLength(1);
  },
};
