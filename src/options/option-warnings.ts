import type { Warnings } from '../warnings.ts';
import { ownMember } from './parsers.ts';

/** Options that are valid, but probably not what was meant. */

/** Only lifetimes: a wait is often shorter than a second. */
const LIFETIMES = ['ttl', 'staleWhileRevalidate', 'staleIfError'] as const;

/** Warns of options of `redisCache` and of `cache.with`. */
export function warnOfOptions(options: object, warnings: Warnings): void {
  if (!warnings.areOn) return;
  for (const name of LIFETIMES) {
    const value = ownMember(options, name);
    if (name === 'ttl' && typeof value === 'object' && value !== null)
      for (const [status, ttl] of Object.entries(value)) warnOfLifetime(`ttl.${status}`, ttl, warnings);
    else warnOfLifetime(name, value, warnings);
  }
}

/** Warns of a plain number of milliseconds that is so small that seconds were probably meant. */
export function warnOfLifetime(option: string, value: unknown, warnings: Warnings): void {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 10 || value >= 1000) return;
  const message = `Option "${option}" is ${value}, which is ${value} milliseconds: write '${value}s' for seconds.`;
  warnings.warnSoon('WRN_RRC_MILLISECONDS', message);
}

/** Warns of a cache that keeps responses in this process, where that is probably a mistake. */
export function warnOfMemory(options: object, warnings: Warnings): void {
  if (Object.hasOwn(options, 'redis'))
    warnings.warnSoon(
      'WRN_RRC_MEMORY',
      'Option "redis" is undefined: responses are stored in this process only.',
    );
  else if (process.env.NODE_ENV === 'production')
    warnings.warnSoon(
      'WRN_RRC_MEMORY',
      'redisCache() has no `redis`: responses are stored in this process only.',
    );
}
