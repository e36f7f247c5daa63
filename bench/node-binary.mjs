// Other versions of Node to run the targets under.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** @param node the path of a binary, or a major version, which is installed from npm. */
export function nodeBinary(node) {
  const binary = /^\d+$/.test(node) ? installed(node) : node;
  const version = execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim();
  return { binary, version };
}

function installed(major) {
  const folder = fileURLToPath(new URL(`./nodes/${major}`, import.meta.url));
  const name = `node-${process.platform}-${process.arch}`;
  const binary = `${folder}/node_modules/${name}/bin/node`;
  if (!existsSync(binary)) {
    const options = ['install', '--silent', '--no-save', '--no-package-lock', '--prefix', folder];
    execFileSync('npm', [...options, `${name}@${major}`], { stdio: 'inherit' });
  }
  return binary;
}
