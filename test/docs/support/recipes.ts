import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Project } from '../../frameworks/support/project.ts';

/*
 * The files that the pages of docs/recipes/ show: `<!-- file: NAME -->` stands in front of each. They are written to a
 * folder of their page and run as they stand.
 */

/** A process that was started from a file of a page. */
export interface Running {
  /** Where it listens. */
  readonly url: URL;
  readonly child: ChildProcess;
  /** What it wrote on standard error. */
  readonly errors: () => string;
  /** Resolves when nothing is being stored or refreshed. */
  readonly idle: () => Promise<void>;
}

export interface PageFile {
  readonly page: string;
  readonly name: string;
  readonly language: string;
  readonly text: string;
  /** The lines of the block behind it that says what requests get. */
  readonly requests: readonly string[];
}

/** All files that a page shows. */
export function filesOf(page: string): PageFile[] {
  const blocks = readFileSync(page, 'utf8').matchAll(
    /<!-- file: (\S+) -->\n+```(\w+)\n([\s\S]*?)```(?:\n```\n(GET [\s\S]*?)```)?/g,
  );
  return [...blocks].map(([, name = '', language = '', text = '', requests]) => {
    return { page, name, language, text, requests: requests?.trim().split('\n') ?? [] };
  });
}

/** The caches of a program wait on SIGUSR2, and say when they are idle. */
const IDLE = `
const made = [];
export const redisCache = (options) => {
  const cache = created(options);
  made.push(cache);
  return cache;
};
process.on('SIGUSR2', async () => {
  await Promise.all(made.map((cache) => cache.idle()));
  console.log('idle');
});
`;

export class Recipes {
  readonly #project = new Project();

  constructor() {
    const index = join(this.#project.folder, 'index.mjs');
    const text = readFileSync(index, 'utf8').replace('{ redisCache,', '{ redisCache: created,');
    writeFileSync(index, text + IDLE);
    copyFileSync(join(__dirname, 'tell.mjs'), join(this.#project.folder, 'tell.mjs'));
  }

  /** The folder that has the files of a page. */
  folder(page: string): string {
    const folder = join(this.#project.folder, basename(page, '.md'));
    if (!existsSync(folder)) {
      mkdirSync(folder);
      for (const { name, text } of filesOf(page)) this.write(page, name, text);
    }
    return folder;
  }

  /** A further file beside those of a page. */
  write(page: string, name: string, text: string): void {
    const file = join(this.folder(page), name);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, text);
  }

  /** Starts a file of a page, and resolves when it listens. */
  async start(page: string, name: string, env: NodeJS.ProcessEnv = {}): Promise<Running> {
    const child = spawn(process.execPath, ['--import', join(this.#project.folder, 'tell.mjs'), name], {
      cwd: this.folder(page),
      env: { ...process.env, NODE_ENV: undefined, REDIS_URL: undefined, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#project.adopt(child);
    let errors = '';
    child.stderr.on('data', (text) => {
      errors += text;
    });
    const lines = createInterface(child.stdout);
    const idle = async (): Promise<void> => {
      const said = once(lines, 'line');
      child.kill('SIGUSR2');
      await said;
    };
    const first = await Promise.race([once(lines, 'line'), once(child, 'close')]);
    if (!String(first[0]).startsWith('http')) throw new Error(`${name} ended: ${errors}`);
    return { url: new URL(first[0]), child, errors: () => errors, idle };
  }

  stop({ child }: Running): Promise<void> {
    return this.#project.stop(child);
  }

  close(): Promise<void> {
    return this.#project.close();
  }
}
