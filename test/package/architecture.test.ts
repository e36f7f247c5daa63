import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { describe, expect, test } from '@jest/globals';

/*
 * ARCHITECTURE.md in a form that fails: which rooms of src/ may import which, what stays pure, and who knows Redis.
 */

interface Import {
  /** A path below src/, or the specifier of a package. */
  to: string;
  typeOnly: boolean;
}

/** The rooms from the top floor down: a file imports its own room and rooms below, never one above. */
const FLOORS = [
  ['index.ts', 'cli.ts', 'cli/', 'testing/'],
  ['redis-cache.ts', 'inspector/'],
  ['cache-middleware.ts', 'values/'],
  ['lifecycle/'],
  ['purge/'],
  ['entries/'],
  ['key/', 'warm/'],
  ['exchange/', 'store/'],
  ['sharing/'],
  ['options/'],
  ['codec/'],
  ['http/', 'observe/'],
  ['warnings.ts', 'known-names.ts'],
  ['errors.ts', 'shared-state.ts'],
  ['codes.ts', 'generations.ts', 'remembered.ts', 'second-chance.ts'],
];

const SRC = join(__dirname, '../../src');
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const sources = new Map(files.sort().map((file) => [file, readFileSync(join(SRC, file), 'utf8')]));
const graph = new Map([...sources].map(([file, source]) => [file, importsOf(file, source)]));

describe('the layers of src/', () => {
  test('every file stands in a room', () => {
    expect(files.filter((file) => floorOf(file) < 0)).toEqual([]);
  });

  test.each(FLOORS.flat())('%s imports nothing from a room above it', (room) => {
    const upward = files
      .filter((file) => roomOf(file) === room)
      .flatMap((file) =>
        imports(file)
          .filter(({ to }) => isFile(to) && floorOf(to) < floorOf(file))
          .map(({ to }) => `${file} -> ${to}`),
      );
    expect(upward).toEqual([]);
  });

  test('rooms on one floor do not import each other', () => {
    const across = files.flatMap((file) =>
      imports(file)
        .filter(({ to }) => isFile(to) && floorOf(to) === floorOf(file) && roomOf(to) !== roomOf(file))
        .map(({ to }) => `${file} -> ${to}`),
    );
    expect(across.filter((arrow) => !ON_ONE_FLOOR.test(arrow))).toEqual([]);
  });

  test('no import cycle exists, types included', () => {
    expect(cycle()).toBeUndefined();
  });

  test('no file imports index.ts', () => {
    expect(files.filter((file) => imports(file).some(({ to }) => to === 'index.ts'))).toEqual([]);
  });

  test('the library reaches neither the command nor the testing kit', () => {
    const reached = new Set<string>();
    const reach = (file: string): unknown =>
      !reached.has(file) && reached.add(file) && imports(file).map(({ to }) => reach(to));
    reach('index.ts');
    expect([...reached].filter((file) => /^(?:cli[./]|testing\/)/.test(file))).toEqual([]);
  });
});

/** Entry points over their own room, and the words that events and Cache-Status share. */
const ON_ONE_FLOOR = /^(?:index|cli)\.ts -> |^inspector\/.* -> redis-cache|^observe\/.* -> http\//;

test.each(files.filter((file) => /^(?:lifecycle|store)\/(?:redis\/)?[^/]+$/.test(file)))(
  'ARCHITECTURE.md says what %s is',
  (file) => {
    const name = file.replace(/^(?:lifecycle|store)\/|\.ts$/g, '').replace('redis/', '(?:redis/)?');
    expect(readFileSync(join(SRC, '../ARCHITECTURE.md'), 'utf8')).toMatch(
      new RegExp(`^\\|.*\`${name}\`.*\\|$`, 'm'),
    );
  },
);

describe('purity', () => {
  test('http/ imports only itself, remembered and structured-headers', () => {
    const foreign = inRoom('http/').flatMap((file) =>
      imports(file)
        .filter(({ to }) => !/^(?:http\/|remembered\.ts$|structured-headers$)/.test(to))
        .map(({ to }) => `${file} -> ${to}`),
    );
    expect(foreign).toEqual([]);
  });

  test('commands about keys are sent in lower case: older versions of ioredis find no keys in others', () => {
    const sent = files.flatMap((file) =>
      [...readFileSync(join(SRC, file), 'utf8').matchAll(/[cC]lient\.command\(\s*'(\w+)'/g)].map(
        ([, name = '']) => name,
      ),
    );
    expect(sent.length).toBeGreaterThan(3);
    expect(sent.filter((name) => name !== name.toLowerCase())).toEqual([]);
  });

  test('no client library is imported as a value: all of them are optional', () => {
    const libraries = ['ioredis', 'iovalkey', 'redis', '@valkey/valkey-glide'];
    const importers = files.filter((file) =>
      imports(file).some(({ to, typeOnly }) => libraries.includes(to) && !typeOnly),
    );
    expect(importers).toEqual([]);
  });

  test('node:http is imported as a value in exchange/, sharing/, testing/ and the command only', () => {
    const importers = files.filter((file) =>
      imports(file).some(({ to, typeOnly }) => to === 'node:http' && !typeOnly),
    );
    expect(importers.filter((file) => !/^(?:exchange|sharing|testing|cli)\//.test(file))).toEqual([]);
  });

  test.each(files)('%s is ASCII (and section signs)', (file) => {
    const lines = sources.get(file)!.split('\n');
    expect(lines.filter((line) => /[^\x20-\x7e\xa7]/.test(line))).toEqual([]);
  });
});

function inRoom(room: string): string[] {
  return files.filter((file) => roomOf(file) === room);
}

function roomOf(file: string): string | undefined {
  return FLOORS.flat().find((room) => (room.endsWith('/') ? file.startsWith(room) : file === room));
}

function floorOf(file: string): number {
  return FLOORS.findIndex((rooms) => rooms.includes(roomOf(file) ?? ''));
}

function importsOf(file: string, source: string): Import[] {
  const statements = source.matchAll(/^(?:import|export)\s+(type\s)?([^;'"]*?)from\s+'([^']+)'/gm);
  const bare = source.matchAll(/(?:^import\s+|\b(?:import|require)\()'([^']+)'/gm);
  const at = (specifier: string): string =>
    specifier.startsWith('.') ? join(dirname(file), specifier) : specifier;
  return [
    ...[...statements].map(([, type, names = '', specifier]) => ({
      to: at(specifier!),
      typeOnly: Boolean(type) || onlyTypes(names),
    })),
    ...[...bare].map(([, specifier]) => ({ to: at(specifier!), typeOnly: false })),
  ];
}

/** `{ type A, type B }`. */
function onlyTypes(names: string): boolean {
  const inside = /^\{([^}]*)\}\s*$/.exec(names.trim())?.[1];
  const items =
    inside
      ?.split(',')
      .map((name) => name.trim())
      .filter(Boolean) ?? [];
  return items.length > 0 && items.every((name) => name.startsWith('type '));
}

function imports(file: string): Import[] {
  return graph.get(file) ?? [];
}

function isFile(to: string): boolean {
  return to.endsWith('.ts');
}

/** Types vanish from the output, but files that need each other's types belong together all the same. */
function cycle(): string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const { to } of imports(file)) {
      const found = visit(to, [...path, file]);
      if (found) return found;
    }
    done.add(file);
    return undefined;
  };
  for (const file of files) {
    const found = visit(file, []);
    if (found) return found;
  }
  return undefined;
}
