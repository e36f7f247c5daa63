import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { describe, expect, test } from '@jest/globals';

/*
 * The directions of import that keep decisions pure, Redis behind one door, and the life of a request
 * in one file. A file that needs an exception is in the wrong folder.
 */

const MAX_LINES = 260;

interface Import {
  /** A path below src/, or the specifier of a package. */
  to: string;
  typeOnly: boolean;
}

/** What the files of a folder may import: of src/, of packages, and of src/ for its types only. */
interface Allowed {
  files: RegExp;
  packages: RegExp;
  types: RegExp;
}

const FOLDERS: Record<string, Allowed> = {
  'http/': { files: /^http\//, packages: /^structured-headers$/, types: /^(outcome|types)\.ts$/ },
  'store/': {
    files: /^(store\/|(entry|errors|outcome|redis-client|types)\.ts$)/,
    packages: /^(node:|ioredis$|lru-cache$|cluster-key-slot$)/,
    types: /^events\.ts$/,
  },
  'exchange/': {
    files: /^(exchange\/|http\/|(entry|errors|outcome|types)\.ts$)/,
    packages: /^(node:|on-headers$)/,
    types: /^key\.ts$/,
  },
  // A cache is handed to it: what a bundle of its own would have a second time are words and checks alone.
  'inspector/': {
    files: /^(inspector\/|(errors|values|words)\.ts$)/,
    packages: /^(node:|inspector\/page\/)/,
    types: /^(entry-face|handle|outcome|stats|types|warm|words)\.ts$/,
  },
};

const SRC = join(__dirname, '../src');
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const sources = new Map(files.sort().map((file) => [file, readFileSync(join(SRC, file), 'utf8')]));
const graph = new Map([...sources].map(([file, source]) => [file, importsOf(file, source)]));

describe.each(Object.entries(FOLDERS))('src/%s', (folder, allowed) => {
  const inside = files.filter((file) => file.startsWith(folder));

  test.each(inside)('%s imports only what its folder may', (file) => {
    const offending = imports(file).filter(({ to, typeOnly }) => {
      if (typeOnly && allowed.types.test(to)) return false;
      return !(isFile(to) ? allowed.files : allowed.packages).test(to);
    });
    expect(offending).toEqual([]);
  });
});

describe('src/', () => {
  test('has ioredis as a value in store/ only', () => {
    const importers = files.filter((file) =>
      imports(file).some(({ to, typeOnly }) => to === 'ioredis' && !typeOnly),
    );
    expect(importers.filter((file) => !file.startsWith('store/'))).toEqual([]);
  });

  test('joins exchange/ and store/ in the files of the lifecycle and the factory only', () => {
    const reaches = (file: string, folder: string) =>
      imports(file).some(({ to, typeOnly }) => to.startsWith(folder) && !typeOnly);
    const joints = files.filter((file) => reaches(file, 'exchange/') && reaches(file, 'store/'));
    const lifecycle = ['lifecycle.ts', 'fill.ts', 'head.ts', 'unsafe.ts', 'invalidation.ts'];
    const allowed = [...lifecycle, 'explain.ts', 'shadow.ts', 'redis-cache.ts'];
    expect(joints.filter((file) => !allowed.includes(file))).toEqual([]);
  });

  test('never imports its own index.ts', () => {
    expect(files.filter((file) => imports(file).some(({ to }) => to === 'index.ts'))).toEqual([]);
  });

  test('keeps the command out of the library', () => {
    const reached = new Set<string>();
    const reach = (file: string): unknown =>
      !reached.has(file) && reached.add(file) && imports(file).map(({ to }) => reach(to));
    reach('index.ts');
    expect([...reached].filter((file) => /^cli[./]/.test(file))).toEqual([]);
  });

  test('has no cycle', () => {
    expect(files.map((file) => cycleFrom(file)).find(Boolean)).toBeUndefined();
  });

  test.each(files)(`%s is ASCII (and section signs), of at most ${MAX_LINES} lines`, (file) => {
    const lines = sources.get(file)!.split('\n');
    expect(lines.filter((line) => /[^\x20-\x7e\xa7]/.test(line))).toEqual([]);
    expect(lines.length - 1).toBeLessThanOrEqual(MAX_LINES);
  });
});

function importsOf(file: string, source: string): Import[] {
  const statements = source.matchAll(/^(?:import|export)\s+(type\s)?[^;'"]*?from\s+'([^']+)'/gm);
  const bare = source.matchAll(/(?:^import\s+|\b(?:import|require)\()()'([^']+)'/gm);
  return [...statements, ...bare].map(([, type, specifier]) => ({
    to: specifier!.startsWith('.') ? join(dirname(file), specifier!) : specifier!,
    typeOnly: Boolean(type),
  }));
}

function imports(file: string): Import[] {
  return graph.get(file) ?? [];
}

function isFile(to: string): boolean {
  return to.endsWith('.ts');
}

/** Types vanish from the output, but files that need each other's types belong together all the same. */
function cycleFrom(file: string, path: string[] = []): string[] | undefined {
  if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
  return imports(file)
    .map(({ to }) => cycleFrom(to, [...path, file]))
    .find(Boolean);
}
