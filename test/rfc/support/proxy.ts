import { type IncomingMessage, request, type ServerResponse } from 'node:http';

/**
 * How a proxy gives its origin's head to Node: `joined`, as http-proxy does it, from the parsed fields; `arrays`, line
 * by line through setHeader; `raw`, all at once through writeHead.
 */
export type Style = 'joined' | 'arrays' | 'raw';

/** A streaming reverse proxy, as small as they get. */
export function proxyTo(port: number, style: Style): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    const headers = { ...req.headers };
    const upstream = request({ host: '127.0.0.1', port, method: req.method, path: req.url, headers });
    upstream.on('information', ({ statusCode, headers }) => {
      if (statusCode === 103) res.writeEarlyHints({ link: String(headers.link) });
      else if (statusCode === 102) res.writeProcessing();
    });
    upstream.on('response', (answer) => {
      const { statusCode = 0, statusMessage = '' } = answer;
      res.sendDate = false;
      if (style === 'raw') {
        res.writeHead(statusCode, statusMessage, answer.rawHeaders);
      } else {
        res.statusCode = statusCode;
        res.statusMessage = statusMessage;
        setFields(res, answer, style);
      }
      answer.on('error', () => res.destroy());
      answer.on('end', () => res.addTrailers(answer.trailers as Record<string, string>));
      answer.pipe(res);
    });
    upstream.on('error', () => {
      if (res.headersSent) return void res.destroy();
      res.statusCode = 502;
      res.end('bad gateway');
    });
    req.pipe(upstream);
  };
}

function setFields(res: ServerResponse, answer: IncomingMessage, style: Style): void {
  if (style === 'joined') {
    for (const [name, value] of Object.entries(answer.headers))
      if (value !== undefined) res.setHeader(name, value);
    return;
  }
  const { rawHeaders } = answer;
  const lines = new Map<string, [string, string[]]>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    const entry = lines.get(name.toLowerCase()) ?? [name, []];
    entry[1].push(rawHeaders[i + 1] as string);
    lines.set(name.toLowerCase(), entry);
  }
  for (const [name, values] of lines.values())
    res.setHeader(name, values.length === 1 ? (values[0] as string) : values);
}
