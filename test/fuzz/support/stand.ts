import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CacheMiddleware, CacheOptions, FaultEvent } from '../../../src/index.ts';
import { newCache, serve } from '../../support/app.ts';
import { type Answer, Connection } from '../../support/client.ts';
import { forbidden, type Made } from './oracle.ts';
import type { Scripted, Step, Wanted } from './space.ts';

/** A cache in front of an app that answers by script, and the keeper of who was given what. */
export class Stand {
  readonly faults: FaultEvent[] = [];
  readonly #options: CacheOptions;
  readonly #cache: CacheMiddleware;
  readonly #made = new Map<string, Made>();
  #port = 0;
  #now = Date.now();
  /** How many answers were made for another request than the one that got them. */
  reused = 0;

  constructor(options: CacheOptions) {
    this.#options = options;
    this.#cache = newCache({ ...options, clock: () => this.#now });
    this.#cache.on('fault', (fault) => this.faults.push(fault));
  }

  async open(): Promise<this> {
    this.#port = await serve((req, res) => this.#cache(req, res, () => this.#answer(req, res)));
    return this;
  }

  close(): Promise<void> {
    return this.#cache.close();
  }

  /** Sends some requests at once. Gives what is wrong with their answers. */
  async ask(steps: readonly Step[]): Promise<string[]> {
    this.#now += Math.max(...steps.map(({ pause }) => pause));
    const wrongs = await Promise.all(steps.map((step) => this.#one(step)));
    await this.#cache.idle();
    return wrongs.filter((wrong) => wrong !== undefined);
  }

  async #one({ wanted, scripted }: Step): Promise<string | undefined> {
    const serial = String(this.#made.size + 1);
    this.#made.set(serial, { serial, wanted, scripted });
    const session = new Connection(this.#port);
    const { method, path, body } = wanted;
    const close = ['Connection', 'close'] as const;
    const headers = [['Host', wanted.host], ['X-Request', serial], close, ...wanted.headers] as const;
    const asked = { method, path, headers, ...(body !== undefined && { body }) };
    const answer = await session.ask(asked).catch(() => undefined);
    session.close();
    // The app gave it up, or Node did not take it.
    if (!answer) return scripted.style === 'destroyed' || scripted.lie ? undefined : 'no answer';
    return this.#judge(serial, wanted, answer);
  }

  #judge(serial: string, wanted: Wanted, answer: Answer): string | undefined {
    const serials = [answer.header('x-serial'), /^serial (\d+);/.exec(answer.body)?.[1]];
    const own = serials.every((one) => one === undefined || one === serial);
    if (own && serials.some(Boolean)) return undefined;
    if (own) return unmade(wanted, answer, this.#made.get(serial)?.scripted);
    this.reused++;
    for (const one of serials) {
      const made = one === undefined || one === serial ? undefined : this.#made.get(one);
      // A HEAD and a 304 give their fields to what they confirm (RFC 9111 §3.2, §4.3.5).
      const confirms =
        made?.wanted.method === 'HEAD' || made?.scripted.confirms || made?.scripted.status === 304;
      const wrong =
        made && !(confirms && one === serials[0]) && forbidden(made, wanted, this.#options, answer);
      if (wrong) return `${wrong}: ${one} given to ${serial}`;
    }
    return undefined;
  }

  #answer(req: IncomingMessage, res: ServerResponse): void {
    const serial = String(req.headers['x-request']);
    const { scripted } = this.#made.get(serial) as Made;
    const conditional =
      req.headers['if-none-match'] !== undefined || req.headers['if-modified-since'] !== undefined;
    const status = scripted.confirms && conditional ? 304 : scripted.status;
    const body = Buffer.from(`serial ${serial};${scripted.filler}`, 'latin1');
    const lines: [string, string | string[]][] = [['X-Serial', serial]];
    for (const [name, value] of scripted.fields)
      lines.push([name, typeof value === 'string' ? value : [...value]]);
    if (scripted.lie !== undefined)
      lines.push(['Content-Length', String(Math.max(0, body.length + scripted.lie))]);
    // Nobody waits for what was promised and never comes.
    const { socket } = res;
    if (scripted.lie) res.once('finish', () => socket?.end());
    write(res, status, lines, body, scripted.style);
  }
}

function write(
  res: ServerResponse,
  status: number,
  lines: readonly [string, string | string[]][],
  body: Buffer,
  style: Scripted['style'],
): void {
  if (style === 'writeHead') {
    res.writeHead(status, lines.flat() as string[]);
    res.end(body);
    return;
  }
  res.statusCode = status;
  for (const [name, value] of lines) res.setHeader(name, value);
  if (style === 'end') return void res.end(body);
  if (style === 'flush') res.flushHeaders();
  res.write(body.subarray(0, 5));
  if (style === 'destroyed') return void res.destroy();
  const rest = (): unknown => res.end(body.subarray(5));
  if (style === 'late') setImmediate(rest);
  else rest();
}

/** An answer without a sign of the app: the cache's own, or Node's to what it can't parse. */
function unmade(wanted: Wanted, answer: Answer, scripted: Scripted | undefined): string | undefined {
  const asked = wanted.headers.map(([, value]) => value).join();
  if (answer.status === 504 && /only-if-cached/i.test(asked)) return undefined;
  if (answer.status === 400 || answer.status === 431) return undefined;
  if (scripted && [204, 304].includes(answer.status)) return undefined;
  return `an answer of status ${answer.status} that the app did not make`;
}
