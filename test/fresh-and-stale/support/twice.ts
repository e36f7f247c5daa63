import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect } from '@jest/globals';
import type { Request } from 'express';
import { capture } from '../../../src/exchange/capture.ts';
import {
  type Blueprint,
  blueprintOf,
  dispatch,
  type Ending,
  type Entrance,
  entranceOf,
  isSynthetic,
} from '../../../src/exchange/internal-request.ts';
import { type Answer, type Asked, ask } from '../../support/client.ts';

/* The same request, once by a client and once by nobody, and what the server noted of each. */

/** One request and its answer, as the outermost middleware sees them. */
interface Account {
  readonly synthetic: boolean;
  /** The events of the request and of the response, each in order. */
  readonly asked: string[];
  readonly answered: string[];
  status?: number;
  message?: string;
  headers?: object;
  /** What a cache would have stored of its body, or why it would not. */
  body?: string;
}

export const DEADLINE = 10_000;

const servers = new Set<Server>();
afterEach(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  }
  servers.clear();
});

/** A server until the test is over, whose requests can be had again. */
export class Stage {
  readonly server: Server;
  readonly accounts: Account[] = [];
  /** Of the last request that a client sent. */
  blueprint: Blueprint | undefined;
  entrance: Entrance | undefined;
  /** Called with each request that nobody sent. */
  again: (req: IncomingMessage) => void = () => {};

  constructor(listener: RequestListener, server: Server = createServer()) {
    this.server = server;
    servers.add(server);
    server.on('request', (req, res) => {
      const account: Account = { synthetic: isSynthetic(req), asked: [], answered: [] };
      const { asked, answered } = account;
      this.accounts.push(account);
      for (const event of ['aborted', 'end', 'close']) req.on(event, () => asked.push(event));
      res.on('finish', () => answered.push('finish'));
      res.on('close', () => {
        answered.push('close');
        const { connection, 'keep-alive': keepAlive, date, ...headers } = res.getHeaders();
        Object.assign(account, { status: res.statusCode, message: res.statusMessage, headers });
      });
      capture(res, {
        limit: Number.POSITIVE_INFINITY,
        holds: false,
        reads: { untracked: (run) => run() },
        head: () => 'keep',
        overflow: () => {},
        end: (end) => {
          account.body = end.kind === 'complete' ? text(end.chunks) : end.reason;
        },
        clientDisconnected: () => answered.push('orphaned'),
        aborted: () => {
          account.body = 'abandoned';
        },
        replace: () => {},
      });
      if (account.synthetic) return this.again(req);
      this.blueprint = blueprintOf(req, () => true);
      this.entrance = entranceOf(req);
    });
    server.on('request', listener);
  }

  async open(): Promise<number> {
    if (!this.server.listening) await once(this.server.listen(0, '127.0.0.1'), 'listening');
    return (this.server.address() as AddressInfo).port;
  }

  async ask(asked: Asked | string = '/'): Promise<Answer> {
    return ask(await this.open(), asked);
  }

  /** Asks for what the last client asked for. */
  repeat(deadline: number = DEADLINE, signal?: AbortSignal): Promise<Ending> {
    return dispatch(this.blueprint!, this.entrance!, { deadline, signal });
  }

  /** Has a client ask, and then nobody: their accounts must be one and the same, and what the client got. */
  async twice(asked: Asked | string): Promise<Answer> {
    this.accounts.length = 0;
    const answer = await this.ask(asked);
    const ending = await this.repeat();
    expect(ending).toEqual({ kind: 'finished', status: answer.status });
    await this.settled();
    const [real, synthetic] = this.accounts;
    expect(this.accounts).toHaveLength(2);
    expect([real?.synthetic, synthetic?.synthetic]).toEqual([false, true]);
    expect({ ...synthetic, synthetic: false }).toEqual(real);
    if (answer.body !== '') expect(synthetic?.body).toBe(answer.body);
    return answer;
  }

  /** Resolves when every response is closed. */
  async settled(): Promise<void> {
    const isOpen = ({ answered }: Account): boolean => !answered.includes('close');
    while (this.accounts.some(isOpen)) await new Promise(setImmediate);
  }
}

function text(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString('latin1');
}

/** What an app can see of a request and its connection. */
export function seen(req: IncomingMessage): object {
  const {
    protocol,
    secure,
    ip,
    ips,
    hostname,
    subdomains,
    originalUrl,
    baseUrl,
    path,
    query,
    xhr,
    body,
    fresh,
  } = req as Request;
  const { method, url, httpVersion, headers, rawHeaders, headersDistinct, socket } = req;
  const { remoteAddress, remoteFamily, remotePort, localAddress, localFamily, localPort } = socket;
  return {
    ...{
      protocol,
      secure,
      ip,
      ips,
      hostname,
      subdomains,
      originalUrl,
      baseUrl,
      path,
      query,
      xhr,
      body,
      fresh,
    },
    ...{ method, url, httpVersion, headers, rawHeaders, headersDistinct },
    ...{ remoteAddress, remoteFamily, remotePort, localAddress, localFamily, localPort },
    encrypted: (socket as { encrypted?: boolean }).encrypted ?? false,
  };
}
