/** Runs `work` for a target. A target that fails is left out of its scenario, and the report gives the reason. */
export async function orSkip({ name }, skipped, work) {
  try {
    return await work();
  } catch (error) {
    skipped.push({ name, why: error.message.split('\n')[0] });
    return undefined;
  }
}
