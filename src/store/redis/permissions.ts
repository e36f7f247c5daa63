import { probeKey } from './keys.ts';
import { PROBE } from './lua/permissions.ts';
import { listIn, type Scripts, script } from './scripts.ts';

const probe = script(PROBE);

/**
 * Whether the Redis user may run what the scripts run to store something and to purge it by tag. A script that is stopped
 * half-way by a missing permission would leave keys that never expire, or lose the index of a tag, so Redis is asked before
 * the first one.
 */
export class Permissions {
  readonly #scripts: Scripts;
  readonly #prefix: string;
  readonly #keepsOrder: boolean;
  #checked: Promise<void> | undefined;
  /** Whether `check` has ever been called. */
  wereAsked = false;

  /** @param keepsOrder whether the store also keeps the order of storing (`maxEntries`). */
  constructor(scripts: Scripts, prefix: string, keepsOrder: boolean) {
    this.#scripts = scripts;
    this.#prefix = prefix;
    this.#keepsOrder = keepsOrder;
    // The permissions may have changed.
    scripts.onNotPermitted = () => {
      this.#checked = undefined;
    };
  }

  /** Asks once, and again after a refusal. @throws with the commands that are missing. */
  check(): Promise<void> {
    this.wereAsked = true;
    this.#checked ??= this.#ask().catch((error: unknown) => {
      this.#checked = undefined;
      throw error;
    });
    return this.#checked;
  }

  async #ask(): Promise<void> {
    const reply = await this.#scripts.run(probe, [probeKey(this.#prefix)], this.#keepsOrder ? 1 : 0);
    const missing = listIn('a script', reply).map((command) => String(command).toLowerCase());
    if (missing.length === 0) return;
    const rules = missing.map((command) => `+${command}`).join(' ');
    throw new Error(
      `NOPERM the Redis user may not run ${missing.join(', ')}, so nothing is stored. Allow it by ACL SETUSER: ${rules}`,
    );
  }
}
