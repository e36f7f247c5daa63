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
        'credentials.map(({ name, value }) =>',
        "credentials.slice(0, 1).map(({ name: own, value }) => [own.replace(/^cookie .*/, 'cookie'), value] as const).map(([name, value]) =>",
      ],
    ],
  },
  {
    name: 'the shape leaves out the values of short cookies',
    seed: 382,
    breaks: ['guest'],
    where: ({ login, pages }) => login === 'role-cookie' && pages.some(hides),
    edits: [['value.length <= MAX_CHOICE &&', 'false &&']],
  },
  {
    name: "the leader's own bytes are stored in place of the stranger's",
    seed: 1,
    breaks: ['leak'],
    edits: [["if (sharing!.reach === 'unverified')\n      return", 'if (false)\n      return']],
  },
  {
    name: 'what is made with credentials is for everyone',
    seed: 1,
    breaks: ['leak'],
    edits: [["? 'everyone'\n    : 'unverified';", "? 'everyone'\n    : 'everyone';"]],
  },
  {
    name: 'what was confirmed for one variant is confirmed for all',
    seed: 108,
    breaks: ['guest'],
    where: ({ pages }) =>
      pages.some(
        (page) => page.dependsOn === 'german-member' && leavesNoTrace(page) && page.says === 'nothing',
      ),
    edits: [
      [
        'standing({ audience }: StoredResponse): Standing {',
        'standing({ audience, key }: StoredResponse): Standing {\n    const confirmed: Set<string> = ((this.context as { confirmed?: Set<string> }).confirmed ??= new Set());',
      ],
      [
        'return standingOf(audience, () => this.caller.shape, this.context.clock());',
        "if (audience.same.includes(this.caller.shape)) confirmed.add(key + this.caller.shape);\n    return confirmed.has(key + this.caller.shape) ? 'same' : standingOf(audience, () => this.caller.shape, this.context.clock());",
      ],
    ],
  },
  {
    name: 'a differing answer is taken as the same',
    seed: 1,
    breaks: ['guest'],
    where: ({ pages }) => pages.some(hides),
    edits: [['return !status && !headers && !body;', 'return !status && !headers;']],
  },
  {
    name: 'credentials that middleware has deleted do not count',
    seed: 6,
    breaks: ['leak'],
    where: ({ deletes }) => deletes,
    edits: [['const raw = rawHeadersOf(req);', 'const raw: string[] = [];']],
  },
  {
    name: 'a refreshed response is for everybody',
    seed: 206,
    breaks: ['guest'],
    where: ({ pages, staleWhileRevalidate }) => staleWhileRevalidate > 0 && pages.some(hides),
    edits: [
      [
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
    edits: [['standing: (response) => t.standing(response)', "standing: () => 'same' as const"]],
  },
  {
    name: 'the near cache knows no audience',
    seed: 7,
    breaks: ['guest'],
    near: true,
    where: ({ near, pages }) => near && pages.some(hides),
    edits: [
      [
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
    edits: [['else if (!isNoise(name) && !keyed.has(name)) selectors.add(name);', '']],
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
    edits: [['if (text !== OPAQUE) selectors.add(name);', 'if (text !== OPAQUE) continue;']],
  },
  {
    name: 'must-revalidate is for those with cookies, too',
    seed: 6,
    breaks: ['leak'],
    where: ({ pages }) => pages.some(({ says }) => says === 'must-revalidate'),
    edits: [["uncovered.every(({ name }) => name === 'authorization')", 'true']],
  },
];
