import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { CacheOptions } from '../../../src/index.ts';
import type { Answer } from '../../support/client.ts';
import { uniquePrefix } from '../../support/prefix.ts';
import { type Fields, lineOf } from './fields.ts';
import type { Asked, Reply } from './origin.ts';
import type { Style } from './proxy.ts';
import { Stack } from './stack.ts';

/** What a field's value is to be; `null`: absent. */
type Expected = string | RegExp | null | ((value: string | undefined) => boolean);

/** One request of a case, what the origin answers if it is asked, and what is to come of it. */
export interface Step {
  readonly method?: string;
  /** Behind the case's own path: `?a=1`, `/other`. */
  readonly at?: string;
  readonly headers?: Fields;
  readonly body?: string;
  /** Seconds that pass before. */
  readonly wait?: number;
  readonly reply?: Reply;
  /** Answered without asking the origin, with what it said in step `hit` (counted from 0). */
  readonly hit?: number;
  /** Answered with what the origin said in step `validated`, after asking it. */
  readonly validated?: number;
  /** Answered by the cache itself, with nothing that is stored. */
  readonly own?: true;
  readonly status?: number;
  /** The body, where it is not the whole of what was said. */
  readonly text?: string;
  readonly has?: Readonly<Record<string, Expected>>;
  /** Fields that the origin is to have seen. */
  readonly asks?: Readonly<Record<string, Expected>>;
  readonly check?: (answer: Answer, asked: Asked | undefined) => void;
}

/** A response that says how long it is fresh, unless its fields say otherwise. */
export const FRESH: Fields = { 'Cache-Control': 'max-age=3600' };

type Setup = readonly [name: string, style: Style, inRedis: boolean];

const STACKS: readonly Setup[] = [
  ['in process, behind a proxy that sets joined fields', 'joined', false],
  ['in process, behind a proxy that sets lists of lines', 'arrays', false],
  ['in Redis, behind a proxy that writes the raw head', 'raw', true],
];

let current: Stack;
let count = 0;

/** Runs the cases of a file over every kind of proxy and store. */
export function conformance(title: string, cases: () => void, options: CacheOptions = {}): void {
  describe.each(STACKS)('%s', (_name, style, inRedis) => {
    beforeAll(async () => {
      const redis = inRedis ? { redis: process.env.TEST_REDIS_URL as string, prefix: uniquePrefix() } : {};
      current = await new Stack(style, { ...redis, ...options }).open();
    });
    afterAll(() => current.close());
    describe(title, cases);
  });
}

/** A case: requests for one resource, one after the other. */
export function scenario(sentence: string, steps: readonly Step[]): void {
  test(sentence, async () => {
    const path = `/case/${count++}`;
    const said: string[] = [];
    for (const [i, step] of steps.entries()) {
      current.clock.now += (step.wait ?? 0) * 1000;
      const body = step.reply?.body ?? `body ${i} of ${path}`;
      said.push(body);
      current.origin.reply = { ...step.reply, body };
      const before = current.origin.asked.length;
      const answer = await current.ask(path + (step.at ?? ''), step);
      await current.cache.idle();
      verify(i, step, answer, current.origin.asked.slice(before).filter(isClients(step)), said, path);
    }
  });
}

/** The origin also gets the cache's own requests for the whole that a part belongs to. They have no range. */
function isClients({ headers }: Step): (asked: Asked) => boolean {
  const hasRange = Object.keys(headers ?? {}).includes('Range');
  return ({ rawHeaders }) => !hasRange || lineOf(rawHeaders, 'range') !== undefined;
}

function verify(
  i: number,
  step: Step,
  answer: Answer,
  asked: readonly Asked[],
  said: string[],
  path: string,
): void {
  const { hit, validated, method = 'GET' } = step;
  const bodiless = method === 'HEAD' || [204, 304].includes(answer.status) || step.own === true;
  const from = hit ?? validated ?? i;
  const seen = {
    step: i,
    asked: asked.length,
    status: answer.status,
    body: answer.body.replace(path, ''),
    cacheStatus: answer.header('cache-status'),
  };
  const unsaid = step.text === undefined && (bodiless || answer.status === 206 || answer.status === 416);
  const wanted = step.text ?? (unsaid ? answer.body : said[from]);
  expect(seen).toEqual({
    ...seen,
    asked: hit === undefined && !step.own ? 1 : 0,
    status: step.status ?? step.reply?.status ?? 200,
    body: wanted?.replace(path, ''),
  });
  for (const [name, expected] of Object.entries(step.has ?? {}))
    match(i, name, answer.header(name), expected);
  for (const [name, expected] of Object.entries(step.asks ?? {}))
    match(i, `request ${name}`, lineOf(asked[0]?.rawHeaders ?? [], name), expected);
  step.check?.(answer, asked[0]);
}

function match(i: number, name: string, value: string | undefined, expected: Expected): void {
  const at = `step ${i}, ${name}`;
  if (typeof expected === 'function') expect([at, value, expected(value)]).toEqual([at, value, true]);
  else if (expected instanceof RegExp) expect([at, value]).toEqual([at, expect.stringMatching(expected)]);
  else expect([at, value]).toEqual([at, expected ?? undefined]);
}

/** A response with these fields answers a second request a second later. */
export function reused(
  sentence: string,
  headers: Fields,
  more: Partial<Reply> = {},
  request: Step = {},
): void {
  const status = more.status === undefined ? {} : { status: more.status };
  scenario(sentence, [
    { ...request, reply: { headers, ...more } },
    { ...request, wait: 1, hit: 0, ...status },
  ]);
}

/** A response with these fields does not. */
export function notReused(
  sentence: string,
  headers: Fields,
  more: Partial<Reply> = {},
  request: Step = {},
): void {
  scenario(sentence, [
    { ...request, reply: { headers, ...more } },
    { ...request, wait: 1 },
  ]);
}
