import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { type AddressInfo, connect as dial } from 'node:net';
import connect from 'connect';
import express5, { type Express } from 'express';
import { type RequestTarget, targetOf } from '../../../src/exchange/target.ts';

/** Where the cache takes a request to be aimed, and where the app does. */
export interface Aim {
  readonly target: RequestTarget | undefined;
  /** Express only: `req.protocol`, and `req.hostname` with what else it is made of. */
  readonly protocol?: string;
  readonly hostname?: string;
}

type Trust = boolean | number | string | ((address: string, hop: number) => boolean);

const answer = (req: IncomingMessage, res: ServerResponse): void => {
  const { protocol, hostname } = req as IncomingMessage & { protocol?: string; hostname?: string };
  res.end(JSON.stringify({ target: targetOf(req), protocol, hostname }));
};

const loadExpress4 = require as (name: string) => () => Express;

function withExpress(make: () => Express, trust: Trust = false): RequestListener {
  const app = make();
  app.set('trust proxy', trust);
  app.use('/mounted', answer);
  app.use(answer);
  return app;
}

/** An app of each framework that answers with what it takes its requests to be aimed at. */
export const FRAMEWORKS = {
  'Express 5': (trust?: Trust): RequestListener => withExpress(express5, trust),
  'Express 4': (trust?: Trust): RequestListener => withExpress(loadExpress4('express4'), trust),
  Connect: (): RequestListener => connect().use('/mounted', answer).use(answer) as unknown as RequestListener,
  'node:http': (): RequestListener => answer,
} as const;

/** A server for one test file. */
export class Aimed {
  readonly #server: ReturnType<typeof createServer>;

  constructor(listener: RequestListener) {
    this.#server = createServer(listener).listen(0, '127.0.0.1');
  }

  /** Sends a request as it stands and returns the answer; the status code instead where it is not 200. */
  async ask(target: string, ...lines: string[]): Promise<Aim | number> {
    if (!this.#server.listening) await new Promise((resolve) => this.#server.once('listening', resolve));
    const { port } = this.#server.address() as AddressInfo;
    const version = lines[0]?.startsWith('HTTP/') ? lines.shift() : 'HTTP/1.1';
    const head = [`GET ${target} ${version}`, ...lines, 'Connection: close', '', ''].join('\r\n');
    const text = await new Promise<string>((resolve, reject) => {
      let received = '';
      dial(port, '127.0.0.1')
        .on('error', reject)
        .on('data', (data) => {
          received += data.toString('latin1');
        })
        .on('close', () => resolve(received))
        .end(head, 'latin1');
    });
    const status = Number(text.slice(9, 12));
    return status === 200 ? (JSON.parse(/\{.*\}/s.exec(text)?.[0] ?? '{}') as Aim) : status;
  }

  close(): void {
    this.#server.close();
  }
}
