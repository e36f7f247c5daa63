import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/* The package as it is published: one build for all that look at it, static checks included. */

const ROOT = join(__dirname, '../..');

export interface Build {
  /** Where the entries and the command are. */
  readonly dist: string;
  /** What `npm pack` makes of them. */
  readonly tarball: string;
}

/** Builds and packs what is older than its sources. A build takes a busy machine a minute or two. */
export async function build(): Promise<Build> {
  await promisify(execFile)(process.execPath, [join(ROOT, 'scripts/build.mjs')]);
  return { dist: join(ROOT, 'dist'), tarball: join(ROOT, 'package.tgz') };
}
