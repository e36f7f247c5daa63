import { type Compression, HAS_ZSTD } from '../codec/compression.ts';
import { OptionError } from '../errors.ts';
import { CODINGS, type Coding } from '../http/content-coding.ts';
import { flag, objectOf, type Parser, sizeFrom, wholeNumberFrom } from './parsers.ts';

/** The `compress` option. */

/** @throws {OptionError} */
export function parseCompress(option: string, value: unknown): Compression | undefined {
  if (value === false) return undefined;
  if (typeof value === 'string') {
    const only = CODINGS.filter((coding) => coding !== value && coding !== 'zstd').map(
      (coding) => `${coding}: false`,
    );
    const alone = value === 'zstd' ? ['zstd: true', ...only] : only;
    const example = CODINGS.includes(value as Coding)
      ? `, such as { ${alone.join(', ')} } for ${value} alone`
      : '';
    throw new OptionError(option, value, `true, false or an object { br, gzip, zstd, threshold }${example}`);
  }
  const { threshold, ...levels } = parts(option, value === true ? {} : value);
  const codings = CODINGS.flatMap((coding) => {
    const level = levels[coding];
    return level === undefined ? [] : [[coding, level] as const];
  });
  if (codings.length === 0)
    throw new OptionError(option, value, 'false, or use at least one of br, gzip and zstd');
  return Object.freeze({ codings, threshold });
}

type Levels = { readonly [C in Coding]: number | undefined };

const parts = objectOf<Levels & { readonly threshold: number }>({
  br: { default: true, parse: levelFrom(0, 11, 6, 'quality') },
  gzip: { default: true, parse: levelFrom(1, 9, 6, 'level') },
  zstd: { default: false, parse: parseZstd },
  threshold: { default: '1kb', parse: sizeFrom(0) },
});

/** How hard a coding works; `undefined`: it is not used. */
function levelFrom(least: number, most: number, usual: number, name: string): Parser<number | undefined> {
  const level = objectOf<Record<string, number>>({
    [name]: { default: usual, parse: wholeNumberFrom(least, most) },
  });
  return (option, value) => {
    if (typeof value === 'boolean') return value ? usual : undefined;
    if (typeof value !== 'object' || value === null)
      throw new OptionError(option, value, `a boolean or { ${name} }`);
    return level(option, value)[name];
  };
}

function parseZstd(option: string, value: unknown): number | undefined {
  if (!flag(option, value)) return undefined;
  if (HAS_ZSTD) return 0;
  const accepted = `false on Node ${process.version}: zstd needs Node 22.15, 23.8 or newer`;
  throw new OptionError(option, value, accepted);
}
