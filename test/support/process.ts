import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const HOOK = require.resolve('./typescript.cjs');
const SRC = join(__dirname, '../../src/index.ts');

/** A process of its own: a CommonJS script that has `redisCache` and `REDIS`, a URL. */
export class Child {
  readonly process: ChildProcess;
  out = '';
  err = '';

  constructor(script: string, redis: string, env: NodeJS.ProcessEnv = {}) {
    const preamble = `const { redisCache } = require(${JSON.stringify(SRC)}); const REDIS = ${JSON.stringify(redis)};`;
    this.process = spawn(process.execPath, ['--require', HOOK, '--eval', `${preamble}\n${script}`], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Its imports are resolved from the working directory.
      cwd: join(__dirname, '../..'),
      env: { ...process.env, ...env },
    });
    this.process.stdout?.on('data', (text) => {
      this.out += text;
    });
    this.process.stderr?.on('data', (text) => {
      this.err += text;
    });
  }

  /** Waits until it has ended by itself; its exit code. Kills it when that takes too long. */
  async ended(within = 15_000): Promise<number | null> {
    const timer = setTimeout(() => this.kill(), within);
    if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, 'close');
    clearTimeout(timer);
    return this.process.exitCode;
  }

  kill(): void {
    this.process.kill('SIGKILL');
  }
}
