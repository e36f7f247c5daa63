import type { Violation } from './check.ts';
import type { Mutation } from './load.ts';
import { leavesNoTrace, type Page, type Site } from './site.ts';

/*
 * Small edits of the rule, each of which lets somebody have what is not for him. The model must notice every one of them.
 */

export interface Broken extends Mutation {
  /** The promises that it may break; the model must see one of them broken. */
  readonly breaks: readonly Violation['rule'][];
  /** Whether it shows only with a near cache, and so in Redis. */
  readonly near?: true;
  /** A seed that has noticed it. */
  readonly seed: number;
  /** The sites on which it shows, if it shows on few. */
  readonly where?: (site: Site) => boolean;
}

/** Whether a page shows something of the caller, and neither says so nor reads it where the cache can see it. */
const hides = (page: Page): boolean =>
  leavesNoTrace(page) && /^(member|role|signed-in|admin)$/.test(page.dependsOn) && page.says === 'nothing';

export const mutations: readonly Broken[] = [
  {
    name: 'the shape leaves out what is placed in front',
    seed: 52,
    breaks: ['guest'],
    where: ({ login, pages, placements }) =>
      login !== 'role-cookie' && placements.length > 1 && pages.some(hides),
    edits: [
      [
        'sharing/shape.ts',
        "const text = marks.join('\\n');",
        "const text = marks.filter((mark) => !/^(req|res.locals)\\./.test(mark)).join('\\n');",
      ],
    ],
  },
  {
    name: 'the shape knows a cookie, and not its name',
    seed: 10,
    breaks: ['guest'],
    where: ({ login, pages }) => login === 'token' && pages.some(hides),
    edits: [
      [
        'sharing/shape.ts',
        'credentials.map(({ name, value }) => {',
        "credentials.slice(0, 1).map(({ name: own, value }) => { const name = own.replace(/^cookie .*/, 'cookie');",
      ],
    ],
  },
  {
    name: 'the shape leaves out the values of short cookies',
    seed: 195,
    breaks: ['guest'],
    where: ({ login, pages }) => login === 'role-cookie' && pages.some(hides),
    edits: [['sharing/shape.ts', 'value.length <= MAX_CHOICE', 'false']],
  },
  {
    name: "the leader's own bytes are stored in place of the stranger's",
    seed: 1,
    breaks: ['leak'],
    edits: [
      ['lifecycle/fill.ts', "if (sharing!.reach === 'unverified')\n      return", 'if (false)\n      return'],
    ],
  },
  {
    name: 'what is made with credentials is for everyone',
    seed: 1,
    breaks: ['leak'],
    edits: [['sharing/reach.ts', ": 'unverified';", ": 'everyone';"]],
  },
  {
    name: 'what was confirmed for one variant is confirmed for all',
    seed: 1,
    breaks: ['guest', 'right'],
    where: ({ pages }) => pages.some(hides),
    edits: [
      [
        'sharing/audience.ts',
        'const own = shape();',
        "const own = shape();\n  if (confirmed.has(own)) return 'same';",
      ],
      [
        'sharing/audience.ts',
        'const same = audience.same.filter',
        'if (isSame) confirmed.add(shape);\n  const same = audience.same.filter',
      ],
      ['sharing/audience.ts', '/** For this many', 'const confirmed = new Set<string>();\n/** For this many'],
    ],
  },
  {
    name: 'a differing answer is taken as the same',
    seed: 1,
    breaks: ['guest'],
    where: ({ pages }) => pages.some(hides),
    edits: [['sharing/answer.ts', 'return !status && !headers && !body;', 'return !status && !headers;']],
  },
  {
    name: 'credentials that middleware has deleted do not count',
    seed: 6,
    breaks: ['leak'],
    where: ({ deletes }) => deletes,
    edits: [['sharing/caller.ts', 'unviewed(req.rawHeaders ?? [])', '[] as string[]']],
  },
  {
    name: 'a refreshed response is for everybody',
    seed: 206,
    breaks: ['guest'],
    where: ({ pages, staleWhileRevalidate }) => staleWhileRevalidate > 0 && pages.some(hides),
    edits: [
      [
        'lifecycle/fill.ts',
        "audience: sharing!.reach === 'everyone' ?",
        "audience: sharing!.reach === 'everyone' || (this.transaction.refresh && !this.#plan.question) ?",
      ],
    ],
  },
  {
    name: 'followers are given what is not for their shape',
    seed: 28,
    breaks: ['guest'],
    where: ({ pages }) => pages.some((page) => hides(page) && page.waits !== 'never'),
    edits: [
      [
        'lifecycle/handle.ts',
        'standing: (response) => t.standing(response)',
        "standing: () => 'same' as const",
      ],
    ],
  },
  {
    name: 'the near cache knows no audience',
    seed: 7,
    breaks: ['guest'],
    near: true,
    where: ({ near, pages }) => near && pages.some(hides),
    edits: [
      [
        'lifecycle/find-stored.ts',
        'const decision = decide(t, t.found, policy, context.clock());',
        "const anyone = { method: t.method, headers: t.headers, directives: t.directives, standing: () => 'same' as const, canRefresh: (stored: never) => t.canRefresh(stored) };\n  const decision = decide(anyone, t.found, policy, context.clock());",
      ],
    ],
  },
  {
    name: 'header fields that the app reads do not select',
    seed: 8,
    breaks: ['right', 'guest'],
    where: ({ pages }) =>
      pages.some(
        ({ dependsOn, language }) =>
          dependsOn === 'device' || (dependsOn === 'language' && language === 'field'),
      ),
    edits: [['sharing/reach.ts', 'else if (!isNoise(name) && !keyed.has(name)) selectors.add(name);', '']],
  },
  {
    name: 'placed values that the app reads do not select',
    seed: 4,
    breaks: ['right', 'guest'],
    where: ({ pages }) =>
      pages.some(
        ({ dependsOn, language }) =>
          dependsOn === 'nonce' || (dependsOn === 'language' && language === 'locals'),
      ),
    edits: [
      [
        'sharing/reach.ts',
        'if (text !== OPAQUE) selectors.add(name);\n    else if (!isCovered)',
        'if (text === OPAQUE && !isCovered)',
      ],
    ],
  },
  {
    name: 'must-revalidate is for those with cookies, too',
    seed: 6,
    breaks: ['leak'],
    where: ({ pages }) => pages.some(({ says }) => says === 'must-revalidate'),
    edits: [['sharing/reach.ts', "uncovered.every(({ name }) => name === 'authorization')", 'true']],
  },
  {
    name: 'the app is asked as the caller, and not as a stranger',
    seed: 1,
    breaks: ['leak'],
    edits: [
      [
        'lifecycle/refresh.ts',
        'if (isCredential(name) || policy.credentials.has(name)) return false;\n    return names.has(name)',
        'if (isCredential(name)) return true;\n    return names.has(name)',
      ],
      ['sharing/reach.ts', ": 'unverified';", ": ('alike' as const);"],
    ],
  },
];
