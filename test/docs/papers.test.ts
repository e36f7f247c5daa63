import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';

/* The papers of the project: what CONTRIBUTING.md names exists, and the forms of .github are valid. */

const FORMS = '.github/ISSUE_TEMPLATE';
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));

interface Field {
  readonly type: string;
  readonly id?: string;
  readonly attributes: { readonly label?: string; readonly value?: string; readonly options?: object[] };
  readonly validations?: { readonly required: boolean };
}

interface Form {
  readonly name: string;
  readonly description: string;
  readonly body: readonly Field[];
}

const form = (file: string): Form => parse(readFileSync(`${FORMS}/${file}`, 'utf8'));

describe.each(['CONTRIBUTING.md', 'RELEASING.md', '.github/PULL_REQUEST_TEMPLATE.md'])('%s', (file) => {
  const text = readFileSync(file, 'utf8');

  test('names scripts of package.json', () => {
    const named = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  test('names files that exist', () => {
    const named = [...text.matchAll(/`((?:src|test|docs|scripts|bench|website|examples)\/[\w./-]*)`/g)];
    expect(named.map(([, path = '']) => path).filter((path) => !existsSync(path))).toEqual([]);
  });
});

describe.each(readdirSync(FORMS))('the issue form %s', (file) => {
  const { name, description, body } = form(file);

  test('has what GitHub requires of a form', () => {
    expect([name, description].every((text) => text.length > 5)).toBe(true);
    const ids = body.flatMap(({ id }) => id ?? []);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { type, attributes } of body) {
      expect(['markdown', 'textarea', 'input', 'dropdown', 'checkboxes']).toContain(type);
      expect(attributes[type === 'markdown' ? 'value' : 'label']?.length).toBeGreaterThan(5);
    }
  });

  test('asks for the versions', () => {
    expect(body.map(({ id }) => id)).toContain('versions');
  });
});

test('the form for a wrong response requires Cache-Status, cache.explain() and the versions, and sends leaks to SECURITY.md', () => {
  const { body } = form('wrong-response.yml');
  const required = body.filter(({ validations }) => validations?.required).map(({ id }) => id);
  expect(required).toEqual(expect.arrayContaining(['cache-status', 'explain', 'versions', 'options']));
  expect(body[0]?.attributes.value).toContain('SECURITY.md');
});

test.each(readdirSync('.github/workflows'))(
  'the workflow %s runs .ci/run, and no tests of its own',
  (file) => {
    const { jobs } = parse(readFileSync(`.github/workflows/${file}`, 'utf8')) as {
      jobs: Record<string, { steps: { run?: string }[] }>;
    };
    const runs = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
    expect(runs).toContain('.ci/run');
    expect(runs.filter((run) => /npm (?:test|it)\b|jest/.test(run))).toEqual([]);
  },
);

test('contacts that are not known are marked as placeholders, and RELEASING.md says to fill them in', () => {
  const releasing = readFileSync('RELEASING.md', 'utf8');
  for (const file of ['SECURITY.md', 'CODE_OF_CONDUCT.md']) {
    expect(readFileSync(file, 'utf8')).toMatch(
      /\[[A-Z]+ CONTACT: a placeholder, to be filled in before the first release\]/,
    );
    expect(releasing).toContain(`[${file}](${file})`);
  }
});
