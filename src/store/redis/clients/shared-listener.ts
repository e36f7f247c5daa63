/** The part of an emitter that is used here. */
interface Emitter {
  on(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
}

/** The listeners of all caches that share a client: the client has one, so that many caches make it warn of no leak. */
interface Shared {
  readonly listeners: Set<() => void>;
  readonly notify: () => void;
}

const sharedByEmitter = new WeakMap<Emitter, Map<string, Shared>>();

/** Calls the listener whenever a client emits an event. @returns a function that removes the listener. */
export function onEvent(emitter: Emitter, event: string, listener: () => void): () => void {
  const byEvent = sharedByEmitter.get(emitter) ?? new Map<string, Shared>();
  sharedByEmitter.set(emitter, byEvent);
  const shared = byEvent.get(event) ?? share(emitter, event, byEvent);
  shared.listeners.add(listener);
  return () => {
    shared.listeners.delete(listener);
    if (shared.listeners.size > 0 || byEvent.get(event) !== shared) return;
    byEvent.delete(event);
    emitter.off(event, shared.notify);
  };
}

function share(emitter: Emitter, event: string, byEvent: Map<string, Shared>): Shared {
  const listeners = new Set<() => void>();
  const notify = (): void => {
    for (const listener of listeners) listener();
  };
  const shared = { listeners, notify };
  byEvent.set(event, shared);
  emitter.on(event, notify);
  return shared;
}
