import { viewedValues } from '../shared-state.ts';

/**
 * An own property of an object, with an accessor in its place that tells who reads it. What the app sets there is the app's
 * own, and is not watched.
 */

/** All that the accessors see. They outlive the request by far, so it is emptied once they are taken away. */
interface Held {
  holder: object | undefined;
  own: PropertyDescriptor | undefined;
  value: unknown;
  /** Returns what a reader gets. */
  read: ((current: () => unknown) => unknown) | undefined;
}

/**
 * @param read is given what returns the value of the property, and returns what its reader gets.
 * @returns what leaves the property as it would be without the watch; `undefined` where it cannot be watched.
 */
export function watchProperty(
  holder: object,
  name: string,
  read: (current: () => unknown) => unknown,
): (() => void) | undefined {
  const own = Object.getOwnPropertyDescriptor(holder, name);
  if (!own?.configurable) return undefined;
  const held: Held = { holder, own, value: own.value, read };
  const accessors = accessorsOf(held, name);
  const { get } = accessors;
  const enumerable = own.enumerable === true;
  if (!Reflect.defineProperty(holder, name, { configurable: true, enumerable, ...accessors }))
    return undefined;
  return () => {
    held.read = undefined;
    restore(held, name, get);
  };
}

function accessorsOf(held: Held, name: string): { get(): unknown; set(next: unknown): void } {
  const accessors = {
    get(): unknown {
      return held.read ? held.read(() => valueIn(held)) : valueIn(held);
    },
    set(next: unknown): void {
      const { own, holder } = held;
      if (own?.get || own?.set) {
        own.set?.call(holder, next);
        return;
      }
      held.value = next;
      restore(held, name, accessors.get);
    },
  };
  viewedValues.set(accessors.get, () => valueIn(held));
  return accessors;
}

function valueIn({ own, holder, value }: Held): unknown {
  return own?.get || own?.set ? own.get?.call(holder) : value;
}

/** Another watch may have put its own accessor in the place: it puts this one back when it ends. */
function restore(held: Held, name: string, get: () => unknown): void {
  const { holder, own, value } = held;
  if (!holder || !own || Object.getOwnPropertyDescriptor(holder, name)?.get !== get) return;
  Object.defineProperty(holder, name, own.get || own.set ? own : { ...own, value });
  viewedValues.delete(get);
  held.holder = undefined;
  held.own = undefined;
  held.value = undefined;
}
