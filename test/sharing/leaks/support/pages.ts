import { type Caller, type Person, session } from './callers.ts';
import type { Channel } from './channels.ts';

/* The pages of the app, and which answers to a caller are right. */

export const PAGES = {
  /** By name. */
  me: (person: Person | undefined): string => `hello ${person?.name ?? 'nobody'}`,
  /** By role. */
  tools: (person: Person | undefined): string => `tools of ${person?.role ?? 'nobody'}`,
  /** The same for all but admins. */
  news: (person: Person | undefined): string => (person?.role === 'admin' ? 'news, to edit' : 'news'),
} as const;
export type Page = keyof typeof PAGES;
export const pageNames = Object.keys(PAGES) as Page[];

/** The page at a path such as `/me?2`. */
export const pageOf = (path: string): Page => /^\/(\w+)/.exec(path)?.[1] as Page;

/**
 * The bodies that a caller may be given: the own one. Where nothing in two requests tells a caller who gets what strangers
 * get from one who does not, no cache can know the second one either: that caller may be given what strangers get, and
 * never what another person gets. That is so for a channel without a trace where a guest has a session as a member has, and
 * where a page is a stranger's for members but not for admins.
 */
export function allowed({ way, isTraceless }: Channel, page: Page, caller: Caller): string[] {
  // The person that the app finds, which is not the caller where only a role is told.
  const headers = Object.fromEntries(
    Object.entries(way.as(caller)).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const own = PAGES[page](way.person(headers));
  const looksAlike = isTraceless && caller !== 'stranger' && (way === session || page === 'news');
  return looksAlike ? [own, PAGES[page](undefined)] : [own];
}
