// node scripts/api.mjs              fails if the reports in api/ differ from the declarations in dist/
// node scripts/api.mjs --update     writes the reports

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ENTRIES = ['index', 'prometheus', 'otel', 'inspector', 'testing'];

const folder = mkdtempSync(join(tmpdir(), 'rrc-api-'));
try {
  const reports = ENTRIES.map((entry) => [`api/${entry}.api.md`, entry, declarationsOf(entry)]);
  const shared = new Set(reports[0][2].map((text) => text.replace(/^export /, '')));
  for (const [path, entry, declarations] of reports) {
    const own = entry === 'index' ? declarations : declarations.filter((text) => !shared.has(text));
    check(path, reportOf(entry, own));
  }
  if (process.exitCode) {
    console.error('If the change is meant: npm run api:update. CHANGELOG.md says what a user notices of it.');
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** The declarations of an entry, exported or referenced, each as a text that says whether it is exported. */
function declarationsOf(entry) {
  const declarations = join(ROOT, `dist/${entry}.d.ts`);
  const config = ExtractorConfig.prepare({
    packageJsonFullPath: join(ROOT, 'package.json'),
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: ROOT,
      mainEntryPointFilePath: declarations,
      apiReport: {
        enabled: true,
        reportFileName: entry,
        reportFolder: folder,
        reportTempFolder: join(folder, 'temp'),
        includeForgottenExports: true,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            module: 'nodenext',
            target: 'es2022',
            lib: ['es2023'],
            types: ['node'],
            strict: true,
            skipLibCheck: true,
          },
          files: [declarations],
        },
      },
      newlineKind: 'lf',
      // typedoc checks the docstrings.
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        extractorMessageReporting: { default: { logLevel: 'none' } },
        tsdocMessageReporting: { default: { logLevel: 'none' } },
      },
    },
  });
  const { succeeded } = Extractor.invoke(config, {
    // Writes the report instead of a comparison with an earlier one.
    localBuild: true,
    messageCallback(message) {
      message.handled = message.logLevel !== 'error';
    },
  });
  if (!succeeded) throw new Error(`dist/${entry}.d.ts has errors`);
  const code = /```ts\n(.*)```/s.exec(readFileSync(join(folder, `${entry}.api.md`), 'utf8'))[1];
  return (
    code
      .replaceAll(/^ *\/\/ \(.*\)\n/gm, '')
      // The sentences about a word of `Cache-Status` are documentation.
      .replaceAll(/: readonly \[".*\..*"\];$/gm, ': readonly [...];')
      .split(/^\/\/ @public.*\n/m)
      .map((text) => text.trim())
      .filter((text) => text !== '')
  );
}

function reportOf(entry, declarations) {
  const name = entry === 'index' ? 'redis-response-cache' : `redis-response-cache/${entry}`;
  const others = entry === 'index' ? '' : ' What it references of index.api.md is left out.';
  return `# The API of \`${name}\`

Written by \`npm run api:update\` from the declarations, without comments; not to be edited. What has no \`export\` is referenced
by what has.${others}

\`\`\`ts
${declarations.join('\n\n')}
\`\`\`
`;
}

/** Compares a report with the file, or writes it. */
function check(path, report) {
  const file = join(ROOT, path);
  if (process.argv.includes('--update')) {
    mkdirSync(join(ROOT, 'api'), { recursive: true });
    writeFileSync(file, report);
    return;
  }
  const before = read(file);
  if (before === report) return;
  process.exitCode = 1;
  const lines = [before.split('\n'), report.split('\n')];
  const only = (these, those, sign) =>
    these.filter((line) => !those.includes(line)).map((line) => `${sign} ${line}`);
  const changes = [...only(lines[0], lines[1], '-'), ...only(lines[1], lines[0], '+')];
  console.error([`${path} differs from the declarations:`, ...changes, ''].join('\n'));
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
