/** PEM texts: a certificate and its key, and the CA that signed it. */
export interface Certificates {
  ca: string;
  cert: string;
  key: string;
}

/** A new CA and a server certificate of it for an IP address. Made when needed: none can expire in the repo. */
export async function certificates(ip: string): Promise<Certificates> {
  // Slow to load, and few suites need it.
  const { generate } = require('selfsigned') as typeof import('selfsigned');
  const ca = await generate([{ name: 'commonName', value: 'CA of a test' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const server = await generate([{ name: 'commonName', value: 'redis' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ca: { key: ca.private, cert: ca.cert },
    extensions: [
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip }] },
    ],
  });
  return { ca: ca.cert, cert: server.cert, key: server.private };
}
