import { type Compression, HAS_ZSTD } from '../codec/compression.ts';
import { OptionError } from '../errors.ts';
import { CODINGS, type Coding } from '../http/content-coding.ts';
import type { Size } from './units.ts';
import { known, oneOf, size } from './values.ts';

/** The `compress` option. */

/** The content codings that bodies are stored in. */
export interface CompressOptions {
  /** Brotli; its quality is from 0 to 11, each a little smaller and slower. @default true: quality 6 */
  readonly br?: boolean | { readonly quality?: number };
  /** Gzip; its level is from 1 to 9. @default true: level 6 */
  readonly gzip?: boolean | { readonly level?: number };
  /** Zstandard, which needs Node 22.15, or 23.8, or newer. @default false */
  readonly zstd?: boolean;
  /** A smaller body is stored as it is. @default '1kb' */
  readonly threshold?: Size;
}

/** @throws {OptionError} */
export function parseCompress(value: unknown): Compression | undefined {
  if (value === false) return undefined;
  const options = value === true ? {} : value;
  known('compress', options, ['br', 'gzip', 'zstd', 'threshold']);
  const { br = true, gzip = true, zstd = false, threshold = '1kb' } = options as Record<string, unknown>;
  const levels: Record<Coding, number | undefined> = {
    br: levelOf('compress.br', br, 'quality', [0, 6, 11]),
    zstd: oneOf('compress.zstd', zstd, [true, false]) ? 0 : undefined,
    gzip: levelOf('compress.gzip', gzip, 'level', [1, 6, 9]),
  };
  if (zstd && !HAS_ZSTD)
    throw new OptionError(
      'compress.zstd',
      zstd,
      `false on Node ${process.version}: 22.15, 23.8 and newer have zstd`,
    );
  const codings = CODINGS.flatMap((coding) => {
    const level = levels[coding];
    return level === undefined ? [] : [[coding, level] as const];
  });
  if (codings.length === 0)
    throw new OptionError('compress', value, 'false, or at least one of br, gzip, zstd');
  return Object.freeze({ codings, threshold: size('compress.threshold', threshold) });
}

function levelOf(
  option: string,
  value: unknown,
  name: string,
  [least, usual, most]: readonly [number, number, number],
): number | undefined {
  if (value === false) return undefined;
  if (value === true) return usual;
  if (typeof value !== 'object') throw new OptionError(option, value, `a boolean or { ${name} }`);
  known(option, value, [name]);
  const { [name]: level = usual } = value as Record<string, unknown>;
  if (Number.isInteger(level) && Number(level) >= least && Number(level) <= most) return Number(level);
  throw new OptionError(`${option}.${name}`, level, `a whole number from ${least} to ${most}`);
}
