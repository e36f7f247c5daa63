import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

/* What the apps of all frameworks answer, each in its own way, so that one table of checks fits them all. */

export interface Made {
  readonly fields: Readonly<Record<string, string | string[]>>;
  readonly body: { readonly run: number; readonly city: string };
}

/** The body of a POST. */
export interface Words {
  readonly words: string;
}

export class Origin {
  #runs = 0;

  /** `GET /made`: JSON, with a field of two lines and a validator. */
  made(): Made {
    const fields = { ETag: '"made"', Link: ['</a>; rel="next"', '</b>; rel="prev"'], 'X-Made-By': 'the app' };
    return { fields, body: { run: ++this.#runs, city: 'Z\xfcrich' } };
  }

  /** `GET /slow`: the same, made for as long as it takes a second request to come. */
  async slow(): Promise<Made> {
    const made = this.made();
    await sleep(200);
    return made;
  }

  /** `GET /stream`: of unknown length, in pieces. */
  stream(): Readable {
    const run = ++this.#runs;
    return Readable.from([`run ${run}\n`, 'x'.repeat(70_000), '\nend']);
  }

  /** `GET /fails` */
  fails(): never {
    throw new Error(`run ${++this.#runs}`);
  }

  /** `POST /made` */
  changed({ words }: Words): string {
    return `run ${++this.#runs} changed by ${words}`;
  }

  /** All of it by Node's own methods. */
  readonly listener = async (
    req: IncomingMessage,
    res: ServerResponse,
    next: (error: unknown) => void = () => res.writeHead(500).end('failed'),
  ): Promise<unknown> => {
    const path = req.url?.split('?')[0]?.replace(/^\/api\//, '/');
    const send = ({ fields, body }: Made): unknown =>
      res.writeHead(200, { ...fields, 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    try {
      if (req.method === 'POST') return res.end(this.changed((await json(req)) as Words));
      if (path === '/made') return send(this.made());
      if (path === '/slow') return send(await this.slow());
      if (path === '/stream') return this.stream().pipe(res.writeHead(200, { 'Content-Type': 'text/plain' }));
      if (path === '/fails') return this.fails();
      return res.writeHead(404).end();
    } catch (error) {
      return next(error);
    }
  };
}
