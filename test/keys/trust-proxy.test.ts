import { afterEach, describe, expect, test } from '@jest/globals';
import { type Aim, Aimed, FRAMEWORKS } from './support/aimed.ts';

/* X-Forwarded-* count exactly where the app's own `trust proxy` makes the app go by them. */

let server: Aimed;
afterEach(() => server?.close());

const EXPRESS = [
  ['Express 5', FRAMEWORKS['Express 5']],
  ['Express 4', FRAMEWORKS['Express 4']],
] as const;
const TRUSTED = [
  true,
  1,
  'loopback',
  '127.0.0.0/8',
  '10.0.0.1, 127.0.0.1',
  (address: string) => address.startsWith('127.'),
];
const UNTRUSTED = [false, 0, '10.0.0.0/8', 'uniquelocal', () => false];

/** What an Express app makes of a request, in the words of a target. */
function appsView({ protocol, hostname }: Aim): object {
  return { scheme: protocol, hostname: hostname?.toLowerCase() };
}

describe.each(EXPRESS)('%s', (_name, listener) => {
  test.each(TRUSTED)(
    'with trust proxy %p the target comes from X-Forwarded-Proto and X-Forwarded-Host',
    async (trust) => {
      server = new Aimed(listener(trust));
      const aim = await server.ask('/a', 'Host: a', 'X-Forwarded-Host: b:443', 'X-Forwarded-Proto: https');
      expect(aim).toEqual({
        target: { scheme: 'https', host: 'b', url: '/a', receivedHost: 'b:443', isForwarded: true },
        protocol: 'https',
        hostname: 'b',
      });
    },
  );

  test.each(UNTRUSTED)('with trust proxy %p the target comes from Host and the connection', async (trust) => {
    server = new Aimed(listener(trust));
    const aim = await server.ask('/a', 'Host: a', 'X-Forwarded-Host: b', 'X-Forwarded-Proto: https');
    expect(aim).toEqual({
      target: { scheme: 'http', host: 'a', url: '/a', receivedHost: 'a', isForwarded: false },
      protocol: 'http',
      hostname: 'a',
    });
  });

  test.each<[string, string[], string, string]>([
    ['the proto alone', ['X-Forwarded-Proto: https'], 'https', 'a'],
    ['the host alone', ['X-Forwarded-Host: b'], 'http', 'b'],
    ['the first of a list', ['X-Forwarded-Host: b, c', 'X-Forwarded-Proto: https,http'], 'https', 'b'],
    ['the first of several fields', ['X-Forwarded-Host: b', 'X-Forwarded-Host: c'], 'http', 'b'],
    ['a host in upper case', ['X-Forwarded-Host: B.C'], 'http', 'b.c'],
    [
      "a port that is the scheme's own",
      ['X-Forwarded-Host: b:443', 'X-Forwarded-Proto: https'],
      'https',
      'b',
    ],
    ['a port that is not', ['X-Forwarded-Host: b:80', 'X-Forwarded-Proto: https'], 'https', 'b:80'],
    ['an IPv6 host', ['X-Forwarded-Host: [::1]:80'], 'http', '[::1]'],
    ['empty fields as none', ['X-Forwarded-Host:', 'X-Forwarded-Proto:'], 'http', 'a'],
    ['nothing of Forwarded', ['Forwarded: host=b;proto=https'], 'http', 'a'],
    ['nothing of X-Forwarded-Port', ['X-Forwarded-Port: 8443'], 'http', 'a'],
  ])('with a trusted peer: %s', async (_what, lines, scheme, host) => {
    server = new Aimed(listener(true));
    expect(await server.ask('/', 'Host: a', ...lines)).toMatchObject({ target: { scheme, host, url: '/' } });
  });

  test.each<[string, string[]]>([
    ['a proto that is neither', ['X-Forwarded-Proto: ws']],
    ['a proto with a colon', ['X-Forwarded-Proto: https:']],
    ['a proto in upper case, which Express does not take for https', ['X-Forwarded-Proto: HTTPS']],
    ['a proto that is an empty member', ['X-Forwarded-Proto: ,https']],
    ['a malformed host', ['X-Forwarded-Host: a/b']],
    ['a host with a user', ['X-Forwarded-Host: u@b']],
    ['a host that is an empty member', ['X-Forwarded-Host: ,b']],
    ['a no-break space around the host', ['X-Forwarded-Host: \xa0b']],
  ])('with a trusted peer, a request has no target: %s', async (_what, lines) => {
    server = new Aimed(listener(true));
    expect(await server.ask('/', 'Host: a', ...lines)).not.toHaveProperty('target');
  });

  test.each([true, false])(
    'with trust proxy %p, two requests with the same target are the same to the app',
    async (trust) => {
      server = new Aimed(listener(trust));
      const hosts = ['a', 'A', 'a:80', 'a:443', 'b', '', ',b', 'b,a', ' b ,a', '\xa0b', 'b\t', 'b.'];
      const protos = [
        'http',
        'https',
        'HTTPS',
        'Http',
        '',
        ',',
        ',https',
        'https ,http',
        '\xa0https',
        'ws',
        'https\t',
      ];
      const seen = new Map<string, object>();
      for (const host of hosts) {
        for (const proto of protos) {
          const aim = await server.ask(
            '/',
            'Host: a',
            `X-Forwarded-Host: ${host}`,
            `X-Forwarded-Proto: ${proto}`,
          );
          if (typeof aim === 'number' || !aim.target) continue;
          const { isForwarded: _, ...keyed } = aim.target;
          const target = JSON.stringify(keyed);
          const before = seen.get(target) ?? appsView(aim);
          expect([host, proto, target, appsView(aim)]).toEqual([host, proto, target, before]);
          seen.set(target, before);
        }
      }
      expect(seen.size).toBeGreaterThan(0);
    },
  );
});
