import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { expect } from '@jest/globals';
import type { CacheMiddleware, CacheOptions, FaultEvent, RequestEvent } from '../../../src/index.ts';
import { type Framework, frameworks, type Handler } from '../../support/app.ts';
import { type Answer, type Asked, askOnce } from '../../support/client.ts';
import { redisBacked, type Stage, stage } from './stage.ts';

/* A server behind a cache that compresses, and what is expected of its answers. */

export const ROWS: object[] = Array.from({ length: 400 }, (_, id) => ({
  id,
  name: `City ${(id * 7919) % 1009}`,
  at: id * 31,
}));
export const BODY: Buffer = Buffer.from(JSON.stringify(ROWS));
export const FIELDS = { 'Content-Type': 'application/json', ETag: '"v1"', 'Cache-Control': 'max-age=60' };
/** What browsers accept. */
export const BR = 'gzip, deflate, br';

export const accepting = (coding: string, more: Record<string, string> = {}): Asked => ({
  headers: { 'accept-encoding': coding, ...more },
});

export interface Compressed extends Stage {
  readonly cache: CacheMiddleware;
  readonly events: RequestEvent[];
  readonly faults: FaultEvent[];
  /** Asks, and waits until what comes of it is stored. */
  get(asked?: Asked): Promise<Answer>;
}

export async function compressed(
  handler: Handler,
  options: CacheOptions = {},
  on: Framework = frameworks[0] as Framework,
): Promise<Compressed> {
  const cache = redisBacked({ compress: true, ...options });
  const events: RequestEvent[] = [];
  const faults: FaultEvent[] = [];
  cache.on('request', (event) => events.push(event)).on('fault', (fault) => faults.push(fault));
  const server = await stage(on, [cache], handler);
  const get = async (asked: Asked = {}): Promise<Answer> => {
    const answer = await askOnce(server.port, asked);
    await cache.idle();
    return answer;
  };
  return { ...server, cache, events, faults, get };
}

export const sends =
  (fields: Record<string, string> = FIELDS, body: Buffer = BODY, status = 200): Handler =>
  (_req, res) =>
    res.writeHead(status, fields).end(body);

/** The body without its coding. */
export function plain({ header, bytes }: Answer): Buffer {
  const coding = header('content-encoding');
  if (coding === 'br') return brotliDecompressSync(bytes);
  if (coding === 'gzip') return gunzipSync(bytes);
  expect(coding).toBeUndefined();
  return bytes;
}

export const isHit = (answer: Answer): boolean => /; hit/.test(answer.header('cache-status') ?? '');

/** A hit in this coding, of these bytes. */
export function expectHit(answer: Answer, coding: string | undefined, body: Buffer = BODY): void {
  expect(answer.header('cache-status')).toMatch(/; hit/);
  expectCoded(answer, coding, body);
}

/** Whole, in this coding, of these bytes. */
export function expectCoded(answer: Answer, coding: string | undefined, body: Buffer = BODY): void {
  expect(answer.header('content-encoding')).toBe(coding);
  expect(answer.header('content-length')).toBe(String(answer.body.length));
  expect(answer.header('vary')).toMatch(/\bAccept-Encoding$/);
  expect(answer.complete).toBe(true);
  expect(plain(answer).equals(body)).toBe(true);
}
