import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';

/* docs/support.md says what package.json says. `npm run matrix` writes its table of Node versions. */

const page = readFileSync('docs/support.md', 'utf8');
const { engines, peerDependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));

/** The cells of the row of a table that begins with this one. */
function row(name: string): string[] {
  const line = page.split('\n').find((text) => text.startsWith(`| ${name} |`)) ?? '';
  return line
    .slice(2, -2)
    .split(/ (?<!\\)\| /)
    .map((cell) => cell.replaceAll('\\|', '|').trim());
}

/** The packages among the dev dependencies by what the page calls them. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  express: ['express4', 'express'],
  ioredis: ['ioredis5', 'ioredis'],
  redis: ['redis5', 'redis'],
  iovalkey: ['iovalkey'],
  '@valkey/valkey-glide': ['@valkey/valkey-glide'],
  '@types/express': ['@types/express'],
  'prom-client': ['prom-client'],
  '@opentelemetry/api': ['@opentelemetry/api'],
  Express: ['express4', 'express'],
  Connect: ['connect'],
  Polka: ['polka'],
  Fastify: ['fastify'],
  NestJS: ['@nestjs/core'],
  'Next.js': ['next'],
  Koa: ['koa'],
  'serverless-http': ['serverless-http'],
};

test.each(Object.entries(PACKAGES))(
  'the page names the versions of %s that the tests run',
  (name, packages) => {
    const versions = packages.map((dependency) => devDependencies[dependency].replace(/^npm:.*@/, ''));
    expect(row(name).some((cell) => cell === versions.join(', '))).toBe(true);
  },
);

test.each(Object.entries(peerDependencies))('the page names the range of the peer %s', (name, range) => {
  expect(row(name)[1]).toBe(`\`${range}\``);
});

test('the page names the version of @fastify/middie that the tests run', () => {
  expect(row('Fastify')[2]).toBe(`@fastify/middie ${devDependencies['@fastify/middie']}`);
});

describe('the table of Node versions', () => {
  const rows = page.match(/<!-- matrix -->([\s\S]*)<!-- end of matrix -->/)![1]!.match(/^\| \d.*$/gm)!;
  const versions = rows.map((line) => /^\| (\d+)/.exec(line)![1]);

  test('begins with the oldest that the package takes', () => {
    expect(row('Node')[1]).toBe(`\`${engines.node}\``);
    expect(engines.node).toBe(`>=${versions[0]}.15`);
  });

  test('says of each version that everything passed, or that it was not run', () => {
    for (const line of rows) {
      const cells = line.split('|').slice(2, -2);
      expect(cells.filter((cell) => !/^ (?:(\d+) of \1|not run) $/.test(cell))).toEqual([]);
    }
    expect(versions).toEqual(['20', '22', '24', '26']);
  });
});
