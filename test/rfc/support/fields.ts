/** Header fields as a case writes them down, and as they cross the wire. */

/** A value, a value that depends on the time, or several field lines. */
type Line = string | ((now: number) => string);
/** Fields by name, or in a given order and multiplicity. */
export type Fields = Readonly<Record<string, Line | readonly Line[]>> | readonly (readonly [string, Line])[];

/** An HTTP-date this many seconds from the moment it is sent. */
export function at(seconds: number): (now: number) => string {
  return (now) => new Date(now + seconds * 1000).toUTCString();
}

/** The same in the two obsolete forms (RFC 9110 §5.6.7). */
export function asctimeAt(seconds: number): (now: number) => string {
  return (now) => {
    const [day, date, month, year, time] = new Date(now + seconds * 1000).toUTCString().split(/,? /);
    return `${day} ${month} ${String(Number(date)).padStart(2)} ${time} ${year}`;
  };
}

export function rfc850At(seconds: number): (now: number) => string {
  const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
  return (now) => {
    const then = new Date(now + seconds * 1000);
    const [, date, month, year, time] = then.toUTCString().split(/,? /);
    return `${days[then.getUTCDay()]}, ${date}-${month}-${year?.slice(2)} ${time} GMT`;
  };
}

/** Names and values in turn. */
export function flat(fields: Fields = {}, now: number = 0): string[] {
  const pairs = Array.isArray(fields) ? fields : Object.entries(fields as Record<string, Line | Line[]>);
  return pairs.flatMap(([name, value]: readonly [string, Line | Line[]]) =>
    [value].flat().flatMap((line) => [name, typeof line === 'function' ? line(now) : line]),
  );
}

/** The lines of a field in a flat list, joined as HTTP allows; `undefined` when there is none. */
export function lineOf(list: readonly string[], name: string): string | undefined {
  const lines = list.filter((_, i) => i % 2 === 1 && list[i - 1]?.toLowerCase() === name.toLowerCase());
  return lines.length > 0 ? lines.join(', ') : undefined;
}
