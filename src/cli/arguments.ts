import { validateHeaderName, validateHeaderValue } from 'node:http';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { suggestion } from '../known-names.ts';
import { milliseconds } from '../options/units.ts';
import { UsageError } from './command.ts';

/** The arguments of a command. What is wrong with them is said in one line. */

type OptionSpecs = NonNullable<ParseArgsConfig['options']>;
type Parsed<T extends OptionSpecs> = Pick<
  ReturnType<typeof parseArgs<{ options: T; allowPositionals: true }>>,
  'values' | 'positionals'
>;

/** @throws {UsageError} for an unknown option, for a missing value, and for a value that the option does not take. */
export function parseArguments<T extends OptionSpecs>(args: readonly string[], options: T): Parsed<T> {
  const config = { args: [...args], options, allowPositionals: true, strict: false, tokens: true } as const;
  const { values, positionals, tokens } = parseArgs(config);
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    if (!Object.hasOwn(options, name))
      throw new UsageError(`unknown option ${rawName}.${suggestion(name, Object.keys(options), '--')}`);
    const takesValue = options[name]?.type === 'string';
    if (!takesValue && value !== undefined) throw new UsageError(`${rawName} takes no value`);
    const isMissing = value === undefined || (!inlineValue && /^-./.test(value));
    if (takesValue && isMissing) throw new UsageError(`${rawName} needs a value`);
  }
  return { values, positionals } as unknown as Parsed<T>;
}

/** @throws {UsageError} for an argument without an option. */
export function parseOptions<T extends OptionSpecs>(
  command: string,
  args: readonly string[],
  options: T,
): Parsed<T>['values'] {
  const { values, positionals } = parseArguments(args, options);
  const [extra] = positionals as readonly string[];
  if (extra !== undefined)
    throw new UsageError(
      `${command} takes only options, not ${extra}.${suggestion(extra, Object.keys(options), '--')}`,
    );
  return values;
}

/** Parses a whole number of at least 1. @throws {UsageError} */
export function parseCount(option: string, value: string | undefined, defaultValue: number): number {
  if (value === undefined) return defaultValue;
  if (!/^\d{1,9}$/.test(value) || Number(value) === 0)
    throw new UsageError(`${option} is ${value}, but must be a whole number of at least 1`);
  return Number(value);
}

/** @param accepted says which durations are. @returns milliseconds. @throws {UsageError} */
export function parseDuration(
  option: string,
  value: string,
  { min, max }: { readonly min: number; readonly max: number },
  accepted: string,
): number {
  const ms = milliseconds(value);
  if (ms === undefined || ms < min || ms > max)
    throw new UsageError(`${option} is ${value}, but must be a duration ${accepted}`);
  return ms;
}

/** @throws {UsageError} */
export function parseChoice<T extends string>(
  option: string,
  value: string | undefined,
  choices: readonly T[],
): T | undefined {
  const choice = choices.find((one) => one === value);
  if (value !== undefined && choice === undefined)
    throw new UsageError(
      `${option} is ${value}, but must be one of ${choices.join(', ')}.${suggestion(value, choices)}`,
    );
  return choice;
}

/** @param fields such as `Accept-Language: de`. @throws {UsageError} */
export function parseHeaders(fields: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(fields.map(parseHeader));
}

/** @throws {UsageError} */
function parseHeader(header: string): [name: string, value: string] {
  const [, name = '', value = ''] = /^([^:]*):\s*(.*?)\s*$/s.exec(header) ?? [];
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch {
    throw new UsageError(`--header is ${header}, but must be a header field such as 'Accept-Language: de'`);
  }
  if (/^host$/i.test(name)) throw new UsageError('--header cannot set Host: put the host into the URL');
  return [name, value];
}
