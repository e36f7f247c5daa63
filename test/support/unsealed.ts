import type { Sealing } from '../../src/store/sealed-store.ts';

/** Stores values and keys as they are. */
export const UNSEALED: Sealing = {
  seals: false,
  seal: (_id, bytes) => bytes,
  headroom: 0,
  headBytes: (bytes) => bytes.length,
  sealName: (key) => key,
  openName: (name) => name,
};
