import { type Browser, chromium } from 'playwright-core';
import { installFromDebian, onPath } from './redis-binary.cjs';

/* A real browser. */

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/**
 * Starts the Chromium of this machine, or of `CHROMIUM`; where there is none, Debian's is installed first, if that is
 * allowed. Throws, saying what to do, where it is not.
 */
export function startChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM || NAMES.map(onPath).find(Boolean) || installed(),
    // Its sandbox does not work for root, and the shared memory of a container is small.
    args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-dev-shm-usage'],
  });
}

function installed(): string {
  try {
    return installFromDebian('chromium');
  } catch (error) {
    throw new Error(
      `The tests of the inspector's page need a Chromium, and there is none on PATH (${(error as Error).message}). ` +
        'Install one (Debian: apt-get install chromium), or set CHROMIUM to its path.',
    );
  }
}
