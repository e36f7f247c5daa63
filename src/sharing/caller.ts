import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Constants } from './constants.ts';
import { type Credential, credentialsOf, type SharingRule } from './credentials.ts';
import { textOf, valueByName } from './placed.ts';
import { shapeOf } from './shape.ts';

/**
 * Who asks: the credentials of a request, and what middleware in front of the cache has placed on it. Everything is read
 * when it is first needed, which is before the app is called.
 */
export class Caller {
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #headers: IncomingHttpHeaders;
  readonly #rule: SharingRule;
  readonly #constants: Constants;
  readonly #texts = new Map<string, string | null>();
  #credentials: readonly Credential[] | undefined;
  #shape: string | undefined;

  /** @param headers the request's fields as they came to the cache. */
  constructor(
    req: IncomingMessage,
    res: ServerResponse,
    headers: IncomingHttpHeaders,
    rule: SharingRule,
    constants: Constants,
  ) {
    this.#req = req;
    this.#res = res;
    this.#headers = headers;
    this.#rule = rule;
    this.#constants = constants;
  }

  /** Sorted by name. A *stranger* has none. */
  get credentials(): readonly Credential[] {
    this.#credentials ??= credentialsOf(this.#req, this.#headers, this.#rule);
    return this.#credentials;
  }

  get isStranger(): boolean {
    return this.credentials.length === 0;
  }

  /**
   * What callers of one kind have in common: the names of their credentials, and of what is placed in front. A short hash.
   */
  get shape(): string {
    this.#shape ??= shapeOf(this.credentials, this.#req, this.#res, this.#rule.ignore, this.#constants);
    return this.#shape;
  }

  /** The text of a placed value, by which it selects. */
  placed(name: string): string | null {
    const known = this.#texts.get(name);
    if (known !== undefined) return known;
    const text = textOf(this.#constants, this.#req, name, valueByName(this.#req, this.#res, name));
    this.#texts.set(name, text);
    return text;
  }
}
