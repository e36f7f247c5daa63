import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

/*
 * A project outside this repo that has the examples, and the sources in the place of the package, so that programs are
 * run as they stand.
 */

const ROOT = resolve(__dirname, '../../..');

/** A module that has these names of a source. */
function exporting(source: string, names: string): string {
  return `
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
require(${JSON.stringify(join(ROOT, 'test/support/typescript.cjs'))});
export const { ${names} } = require(${JSON.stringify(join(ROOT, 'src', source))});
`;
}

const MODULES: Readonly<Record<string, string>> = {
  'index.mjs': exporting('index.ts', 'redisCache, fromAccessLog, fromSitemap'),
  'prometheus.mjs': exporting('observe/prometheus.ts', 'prometheus'),
  'otel.mjs': exporting('observe/otel.ts', 'otel'),
  'inspector.mjs': exporting('inspector/index.ts', 'inspector'),
  'testing.mjs': exporting('testing/index.ts', 'testCache, expectHit, expectMiss, asCallers, expectNoLeaks'),
};

export interface Program {
  /** What the program said of itself. */
  readonly url: URL;
  /** All of what it wrote on standard error. */
  readonly errors: () => string;
  readonly child: ChildProcess;
}

export class Project {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'rrc-frameworks-'));
  readonly #children = new Set<ChildProcess>();

  constructor() {
    const exports = { '.': './index.mjs', './*': './*.mjs' };
    const own = { name: 'redis-response-cache', type: 'module', exports };
    writeFileSync(join(this.folder, 'package.json'), JSON.stringify(own));
    for (const [file, text] of Object.entries(MODULES)) writeFileSync(join(this.folder, file), text);
    symlinkSync(join(ROOT, 'node_modules'), join(this.folder, 'node_modules'));
    // What the package is to the examples of a checkout.
    const checkout = ['package.json', 'from-source.mjs'].map((file) => join(ROOT, 'examples', file));
    const filter = (path: string): boolean => !checkout.includes(path);
    cpSync(join(ROOT, 'examples'), this.folder, { recursive: true, filter });
  }

  /** Runs a program that tells its URL on standard output once it listens. */
  async run(file: string, env: NodeJS.ProcessEnv = {}): Promise<Program> {
    const child = spawn(process.execPath, [file], {
      cwd: this.folder,
      // Without REDIS_URL the cache is in memory, of which it warns.
      env: {
        ...process.env,
        NODE_ENV: undefined,
        NODE_OPTIONS: '--disable-warning=WRN_RRC_MEMORY',
        REDIS_URL: undefined,
        PORT: '0',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#children.add(child);
    let said = '';
    child.stderr.on('data', (text) => {
      said += text;
    });
    for await (const line of createInterface(child.stdout)) {
      const url = /https?:\/\/localhost:\d+\S*/.exec(line)?.[0];
      if (url) return { url: new URL(url), errors: () => said, child };
    }
    throw new Error(`${file} ended: ${said}`);
  }

  /** Stops a process of the caller's when this project is closed. */
  adopt(child: ChildProcess): void {
    this.#children.add(child);
  }

  async stop(child: ChildProcess): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
    this.#children.delete(child);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#children].map((child) => this.stop(child)));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
