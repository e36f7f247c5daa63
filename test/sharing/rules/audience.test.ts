import { describe, expect, test } from '@jest/globals';
import type { Audience } from '../../../src/codec/stored-response.ts';
import { type Answer, isSameAnswer } from '../../../src/sharing/answer.ts';
import { standingOf, withFinding } from '../../../src/sharing/audience.ts';
import { Varieties } from '../../../src/sharing/varieties.ts';

/* Which requests may have a stored response, and when two answers are the same. */

const NOW = 1_700_000_000_000;
const MINUTES = 60_000;
const NOBODY: Audience = { same: [], different: [] };

describe('the standing of a request', () => {
  const audience: Audience = { same: ['member', ''], different: [['admin', NOW + 1]] };
  test.each<[title: string, audience: Audience | undefined, shape: string, standing: string]>([
    ['is same, where the response is for everyone', undefined, 'any', 'same'],
    ['is same, where its shape got the same', audience, 'member', 'same'],
    ['is same, where strangers without a mark got the same', audience, '', 'same'],
    ['is different, where its shape got another answer', audience, 'admin', 'different'],
    ['is unseen, where its shape was not seen', audience, 'guest', 'unseen'],
    ['is unseen, where nobody was seen', NOBODY, '', 'unseen'],
    [
      'is unseen again, once another answer is too long ago',
      { same: [], different: [['admin', NOW]] },
      'admin',
      'unseen',
    ],
  ])('%s', (_title, stored, shape, standing) => {
    expect(standingOf(stored, () => shape, NOW)).toBe(standing);
  });

  test('needs no shape, where the response is for everyone', () => {
    const shape = (): never => {
      throw new Error('asked');
    };
    expect(standingOf(undefined, shape, NOW)).toBe('same');
  });
});

describe('a finding', () => {
  const standing = (audience: Audience, shape: string, at = NOW): string =>
    standingOf(audience, () => shape, at);

  test('of the same answer lets the shape in, and nobody else', () => {
    const audience = withFinding(NOBODY, 'a', 'same', NOW);
    expect([standing(audience, 'a'), standing(audience, 'b')]).toEqual(['same', 'unseen']);
  });

  test('of another answer keeps the shape out for ten minutes', () => {
    const audience = withFinding(NOBODY, 'a', 'different', NOW);
    expect(standing(audience, 'a', NOW + 10 * MINUTES - 1)).toBe('different');
    expect(standing(audience, 'a', NOW + 10 * MINUTES)).toBe('unseen');
  });

  test('of another answer than an older one of a stranger keeps the shape out for a minute', () => {
    const audience = withFinding(NOBODY, 'a', 'maybe-different', NOW);
    expect(standing(audience, 'a', NOW + MINUTES - 1)).toBe('different');
    expect(standing(audience, 'a', NOW + MINUTES)).toBe('unseen');
  });

  test('takes the place of the one before: a difference revokes at once, and is made good again', () => {
    const revoked = withFinding(withFinding(NOBODY, 'a', 'same', NOW), 'a', 'different', NOW + 1);
    expect(revoked).toEqual({ same: [], different: [['a', NOW + 1 + 10 * MINUTES]] });
    expect(withFinding(revoked, 'a', 'same', NOW + 2)).toEqual({ same: ['a'], different: [] });
  });

  test('leaves what was found of others, and changes nothing in place', () => {
    const before: Audience = { same: ['a'], different: [['b', NOW + 5]] };
    const after = withFinding(before, 'c', 'same', NOW);
    expect(after).toEqual({ same: ['a', 'c'], different: [['b', NOW + 5]] });
    expect(before).toEqual({ same: ['a'], different: [['b', NOW + 5]] });
  });

  test('drops differences that are too long ago', () => {
    const before: Audience = {
      same: [],
      different: [
        ['old', NOW],
        ['new', NOW + 1],
      ],
    };
    expect(withFinding(before, 'a', 'same', NOW).different).toEqual([['new', NOW + 1]]);
  });

  test.each(['same', 'different'] as const)(
    'of too many shapes (%s) is bounded, and the last one counts',
    (finding) => {
      let audience = NOBODY;
      for (let i = 0; i < 25; i++) audience = withFinding(audience, `shape ${i}`, finding, NOW);
      expect(audience.same.length + audience.different.length).toBe(24);
      expect(standing(audience, 'shape 24')).toBe(finding);
    },
  );

  test('of shapes that a client makes up takes the place of nobody who came before', () => {
    let audience = withFinding(NOBODY, 'first', 'same', NOW);
    for (let i = 0; i < 23; i++) audience = withFinding(audience, `shape ${i}`, 'same', NOW);
    audience = withFinding(audience, 'first', 'same', NOW);
    audience = withFinding(audience, 'one more', 'same', NOW);
    const shapes = ['first', 'shape 0', 'shape 15', 'one more'];
    expect(shapes.map((shape) => standing(audience, shape))).toEqual(['same', 'same', 'unseen', 'same']);
  });
});

describe('two answers', () => {
  const answer = (
    body: string | readonly string[],
    fields: Readonly<Record<string, string | string[]>> = {},
    status = 200,
  ): Answer => ({
    status,
    field: (name) => fields[name],
    chunks: [body].flat().map((text) => Buffer.from(text)),
  });

  test.each<[title: string, Answer, Answer]>([
    [
      'with the same of everything',
      answer('a', { 'content-type': 'text/html' }),
      answer('a', { 'content-type': 'text/html' }),
    ],
    ['of which one came in pieces', answer('abc'), answer(['a', '', 'bc'])],
    ['without a body', answer([]), answer('')],
    [
      'of other dates and ids',
      answer('a', { date: '1', 'x-request-id': '1', etag: '"1"' }),
      answer('a', { date: '2', 'x-run': '2' }),
    ],
    [
      'with one field of several lines',
      answer('a', { link: ['<a>', '<b>'] }),
      answer('a', { link: '<a>, <b>' }),
    ],
  ])('%s are the same', (_title, a, b) => {
    expect([isSameAnswer(a, b), isSameAnswer(b, a)]).toEqual([true, true]);
  });

  test.each<[title: string, Answer, Answer]>([
    ['of another status', answer('a'), answer('a', {}, 404)],
    ['of another body', answer('a'), answer('b')],
    ['of which one goes on', answer('a'), answer('ab')],
    ['of which one has no body', answer('a'), answer('')],
    ...[
      'content-type',
      'content-encoding',
      'content-language',
      'content-disposition',
      'content-range',
      'location',
      'link',
      'vary',
    ].flatMap((name): [string, Answer, Answer][] => [
      [`of another ${name}`, answer('a', { [name]: '1' }), answer('a', { [name]: '2' })],
      [`of which one has no ${name}`, answer('a', { [name]: '1' }), answer('a')],
    ]),
  ])('%s are not the same', (_title, a, b) => {
    expect([isSameAnswer(a, b), isSameAnswer(b, a)]).toEqual([false, false]);
  });
});

describe('variants of a key', () => {
  test('that are never used are not stored any more after sixteen', () => {
    const varieties = new Varieties();
    for (let i = 0; i < 15; i++) varieties.stored('k');
    expect(varieties.isUnrepeated('k')).toBe(false);
    varieties.stored('k');
    expect(varieties.isUnrepeated('k')).toBe(true);
    expect(varieties.isUnrepeated('another')).toBe(false);
  });

  test('of which one is used are stored on', () => {
    const varieties = new Varieties();
    for (let i = 0; i < 15; i++) varieties.stored('k');
    varieties.used('k');
    for (let i = 0; i < 15; i++) varieties.stored('k');
    expect(varieties.isUnrepeated('k')).toBe(false);
  });
});
