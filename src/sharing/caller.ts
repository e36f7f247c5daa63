import { createHash, randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { selector } from '../http/vary.ts';
import type { Constants } from './constants.ts';
import { CERTIFICATE, type Credential, credentialsOf, type SharingRule } from './credentials.ts';
import { isCredential, isNoise, isOfGateway } from './fields.ts';
import { ALL_FIELDS, type Place, placesOf, textByName } from './placed.ts';
import { shapeOf } from './shape.ts';

/**
 * Who asks: the credentials of a request, and what middleware in front of the cache has placed on it. Everything is read
 * when it is first needed, which is before the app is called.
 */
export class Caller {
  readonly #request: EnteringRequest;
  readonly #rule: SharingRule;
  readonly #constants: Constants;
  #texts: Map<string, string | null> | undefined;
  #credentials: readonly Credential[] | undefined;
  #shape: string | undefined;

  constructor(request: EnteringRequest, rule: SharingRule, constants: Constants) {
    this.#request = request;
    this.#rule = rule;
    this.#constants = constants;
  }

  /** Sorted by name. A *stranger* has none. */
  get credentials(): readonly Credential[] {
    this.#credentials ??= credentialsOf(this.#request.req, this.#request.headers, this.#rule);
    return this.#credentials;
  }

  get isStranger(): boolean {
    return this.credentials.length === 0;
  }

  /** Whether a gateway lets nobody in without credentials, as far as one can tell by these. */
  get isLetInByGateway(): boolean {
    return this.credentials.some(({ name }) => name === CERTIFICATE || isOfGateway(name));
  }

  /**
   * What callers of one kind have in common: the names of their credentials, and of what is placed in front. A short hash.
   */
  get shape(): string {
    this.#shape ??= this.#shapeOrNone(undefined);
    return this.#shape;
  }

  /** Has the shape known before the app is called, which may place more. @param places what is placed by now. */
  noteShape(places: readonly Place[]): void {
    this.#shape ??= this.#shapeOrNone(places);
  }

  /** The text of a placed value, by which it selects. */
  placed(name: string): string | null {
    this.#texts ??= new Map();
    const known = this.#texts.get(name);
    if (known !== undefined) return known;
    const { req, res } = this.#request;
    const text = name === ALL_FIELDS ? this.#allFields() : textByName(this.#constants, req, res, name);
    this.#texts.set(name, text);
    return text;
  }

  /** What middleware has placed may throw, whatever one asks of it: then the request is like no other. */
  #shapeOrNone(places: readonly Place[] | undefined): string {
    const { req, res } = this.#request;
    try {
      const all = places ?? placesOf(req, res);
      return shapeOf(this.credentials, req, all, this.#rule.ignore, this.#constants);
    } catch {
      return randomUUID();
    }
  }

  #allFields(): string {
    const { headers } = this.#request;
    const { credentials, ignore } = this.#rule;
    const names = Object.keys(headers).filter((name) => {
      const isOther = isCredential(name) || credentials.has(name) || isNoise(name) || ignore.has(name);
      return !isOther;
    });
    const fields = names.sort().map((name) => [name, selector(name, headers)]);
    return createHash('sha256').update(JSON.stringify(fields)).digest('base64url').slice(0, 22);
  }
}

/** A request as it enters the cache. */
export interface EnteringRequest {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** The fields as they came. */
  readonly headers: IncomingHttpHeaders;
}
