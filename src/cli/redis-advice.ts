/** What to check when Redis cannot be reached, or does not do what it is told. */

const ADVICE: readonly (readonly [problem: RegExp, advice: string])[] = [
  [/ECONNREFUSED/, 'Is Redis running there? Check --redis or REDIS_URL'],
  [/ENOTFOUND|EAI_AGAIN/, 'Check the host in --redis or REDIS_URL'],
  [/EHOSTUNREACH|ENETUNREACH|ETIMEDOUT/, 'Check the host in --redis or REDIS_URL, and the firewall'],
  [/NOAUTH/, 'Add the password: redis://:PASSWORD@HOST, or redis://USER:PASSWORD@HOST'],
  [/WRONGPASS|invalid password/, 'Check the user and the password in --redis or REDIS_URL'],
  [/NOPERM/, 'docs/operations.md has the permissions that the Redis user needs'],
  [/certificate/, 'Set NODE_EXTRA_CA_CERTS to the file of the CA that signed it'],
  [/cluster support disabled/, 'Leave out --cluster'],
  [/MOVED|CROSSSLOT/, 'Redis is a Cluster: add --cluster'],
  [/LOADING/, 'Redis is still loading its data: try again'],
  [/wrong version number|packet length/, 'Redis has no TLS there: write redis:// in place of rediss://'],
  [
    /ECONNRESET|Connection is closed|Protocol error|EPIPE/,
    'Is that Redis? Check the port; with TLS, write rediss:// in place of redis://',
  ],
  [/no reply|did not reply|not reply within/, 'Check the address and the firewall, or raise --timeout'],
];

/** The message, and what to check. */
export function withAdvice(message: string): string {
  const advice = ADVICE.find(([problem]) => problem.test(message))?.[1];
  return advice === undefined ? message : `${message}. ${advice}`;
}
