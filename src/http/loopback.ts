/** Names and addresses of this machine (RFC 6761 §6.3, RFC 4291 §2.5.3). */

const HOST = /^(localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::(\d{1,5}))?$/i;
const ADDRESS = /^(?:(?:::ffff:)?127(?:\.\d{1,3}){3}|::1)$/;

/** A host that names this machine, without its port. */
interface LoopbackHost {
  readonly name: string;
  /** `undefined` where the host has none. */
  readonly port: string | undefined;
}

/** The name and the port of a host, such as the value of `Host`, if it names this machine. */
export function loopbackHost(host: string): LoopbackHost | undefined {
  const [, name, port] = HOST.exec(host) ?? [];
  return name === undefined ? undefined : { name, port };
}

/** Whether the address of a peer is one of this machine. */
export function isLoopbackAddress(address: string): boolean {
  return ADDRESS.test(address);
}
