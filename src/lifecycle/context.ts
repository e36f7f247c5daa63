import type { Storage } from '../entries/storage.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Reporter } from '../observe/reporter.ts';
import type { Settings } from '../options/policy.ts';
import type { Constants } from '../sharing/constants.ts';
import type { Varieties } from '../sharing/varieties.ts';
import type { LeaseRenewal } from '../store/lease-renewal.ts';
import type { Collapse } from './collapse.ts';
import type { DependentPlaces } from './dependent-places.ts';
import type { Lookup } from './lookup.ts';
import type { NestedCaches } from './nested.ts';
import type { PendingInvalidations } from './pending-invalidations.ts';
import type { Refreshes } from './refresh.ts';
import type { SetupChecks } from './setup-checks.ts';

/** What all middlewares of one `redisCache` call share: settings, storage, reporting and background work. */
export interface CacheContext extends Storage {
  readonly Exchange: typeof Exchange;
  readonly settings: Pick<Settings, 'name' | 'showKey' | 'invalidation'>;
  readonly lookup: Lookup;
  readonly collapse: Collapse;
  readonly leaseRenewal: LeaseRenewal;
  readonly pendingInvalidations: PendingInvalidations;
  readonly nested: NestedCaches;
  readonly refreshes: Refreshes;
  readonly dependentPlaces: DependentPlaces;
  readonly varieties: Varieties;
  readonly constants: Constants;
  readonly reporter: Reporter;
  /** `undefined` where all warnings are off. */
  readonly setupChecks: SetupChecks | undefined;
  /** The ids of the stored responses of an absolute URI, under every policy that has the default key. */
  idsOf(url: string): ReadonlySet<string>;
  /** Whether responses may be stored under keys of the user's own, so that a URL is found only by its tag. */
  hasOwnKeys(): boolean;
  /** Tracks background work, so that `idle()` and `close()` wait for it. */
  track(work: Promise<unknown>): void;
}
