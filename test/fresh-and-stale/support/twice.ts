import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect } from '@jest/globals';
import type { Request } from 'express';
import { capture } from '../../../src/exchange/capture.ts';
import {
  type DispatchResult,
  dispatch,
  isInternal,
  listenerOf,
  type RequestTemplate,
  templateOf,
} from '../../../src/exchange/internal-request.ts';
import { type Answer, type Asked, ask } from '../../support/client.ts';

/* The same request sent by a client and as an internal request, and what the server recorded of each. */

/** One request and its response, recorded in front of all middleware. */
interface Account {
  readonly internal: boolean;
  /** The events of the request and of the response, in order. */
  readonly asked: string[];
  readonly answered: string[];
  status?: number;
  message?: string;
  headers?: object;
  /** The body as a cache would store it, or why it would not. */
  body?: string;
}

export const TIMEOUT_MS = 10_000;

const servers = new Set<Server>();
afterEach(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  }
  servers.clear();
});

/** A server that can repeat the request of a client as an internal request. It closes after the test. */
export class Stage {
  readonly server: Server;
  readonly accounts: Account[] = [];
  /** Template and listener of the last request of a client. */
  template: RequestTemplate | undefined;
  listener: RequestListener | undefined;
  /** Called with each internal request. */
  onInternal: (req: IncomingMessage) => void = () => {};

  constructor(listener: RequestListener, server: Server = createServer()) {
    this.server = server;
    servers.add(server);
    server.on('request', (req, res) => {
      const account: Account = { internal: isInternal(req), asked: [], answered: [] };
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
        reads: { leave: () => {}, return: () => {} },
        head: () => 'keep',
        overflow: () => {},
        end: (end) => {
          account.body = end.kind === 'complete' ? text(end.body.copy()) : end.kind;
        },
        clientDisconnected: () => answered.push('client disconnected'),
        aborted: () => {
          account.body = 'aborted';
        },
        replace: () => {},
      });
      if (account.internal) return this.onInternal(req);
      this.template = templateOf(req, () => true);
      this.listener = listenerOf(req);
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

  /** Repeats the last request of a client as an internal request. */
  repeat(timeoutMs: number = TIMEOUT_MS, signal?: AbortSignal): Promise<DispatchResult> {
    return dispatch(this.template!, this.listener!, { timeoutMs, signal });
  }

  /** Sends a request as a client and then as an internal request. The server must record the same of both. */
  async twice(asked: Asked | string): Promise<Answer> {
    this.accounts.length = 0;
    const answer = await this.ask(asked);
    const ending = await this.repeat();
    expect(ending).toEqual({ kind: 'finished', status: answer.status });
    await this.settled();
    const [real, internal] = this.accounts;
    expect(this.accounts).toHaveLength(2);
    expect([real?.internal, internal?.internal]).toEqual([false, true]);
    expect({ ...internal, internal: false }).toEqual(real);
    if (answer.body !== '') expect(internal?.body).toBe(answer.body);
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

/** Everything that an app can read of a request and its connection. */
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
