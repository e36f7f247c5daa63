import { viewedValues } from '../shared-state.ts';

/**
 * A property of an object, with an accessor in its place that tells who reads it. What the app sets there is the app's
 * own, and is not watched.
 */

/** All that the accessors see. They outlive the request by far, so it is emptied once they are taken away. */
interface Held {
  holder: object | undefined;
  readonly name: string;
  /** None for an inherited property. */
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
  if (own ? !own.configurable : !Object.isExtensible(holder)) return undefined;
  const held: Held = { holder, own, name, value: own?.value, read };
  const accessors = accessorsOf(held, name);
  const { get } = accessors;
  const enumerable = own?.enumerable === true;
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
      if (!own && holder) {
        Reflect.set(Object.getPrototypeOf(holder), name, next, holder);
        return;
      }
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

function valueIn({ own, holder, name, value }: Held): unknown {
  if (!own && holder) return Reflect.get(Object.getPrototypeOf(holder), name, holder);
  return own?.get || own?.set ? own.get?.call(holder) : value;
}

/**
 * Another watch may have put its own accessor in the place: it puts this one back when it ends. The app may have frozen the
 * object: then the accessor stays, and gives the value.
 */
function restore(held: Held, name: string, get: () => unknown): void {
  const { holder, own, value } = held;
  if (!holder || Object.getOwnPropertyDescriptor(holder, name)?.get !== get) return;
  const before = own && (own.get || own.set ? own : { ...own, value });
  const isRestored = before
    ? Reflect.defineProperty(holder, name, before)
    : Reflect.deleteProperty(holder, name);
  if (!isRestored) return;
  viewedValues.delete(get);
  held.holder = undefined;
  held.own = undefined;
  held.value = undefined;
}
