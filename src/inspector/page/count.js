import { act } from './server.js';

/* The number of responses that a purge would purge. */

/**
 * Checks a purge and starts to count. Resolves when the server has accepted the target; rejects for a bad one.
 * @returns `show`: its listener gets `{ purged, done, problem }` now and at each change; and `stop`.
 */
export async function startCount(target) {
  const controller = new AbortController();
  let listener = () => {};
  let latest = { purged: 0, done: false };
  const update = (change) => {
    latest = change;
    listener(latest);
  };
  await new Promise((resolve, reject) => {
    const onProgress = ({ purged }) => {
      update({ purged, done: false });
      resolve();
    };
    act('count-purge', { target }, { onProgress, signal: controller.signal }).then(
      ({ purged }) => {
        update({ purged, done: true });
        resolve();
      },
      (error) => {
        update({ ...latest, problem: error.message });
        reject(error);
      },
    );
  });
  return {
    show(given) {
      listener = given;
      listener(latest);
    },
    stop: () => controller.abort(),
  };
}
