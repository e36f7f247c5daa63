import { check, type Violation } from './check.ts';
import { play, type Stage } from './play.ts';
import type { Schedule, Step } from './schedule.ts';

/** The shortest schedule that was found to break the same promise, by leaving steps and requests out. */
export async function shrink(schedule: Schedule, rule: Violation['rule'], stage: Stage): Promise<Schedule> {
  const breaks = async (steps: readonly Step[]): Promise<boolean> => {
    const history = await play({ ...schedule, steps }, stage);
    return check(history).violations.some((violation) => violation.rule === rule);
  };
  let steps = [...schedule.steps];
  for (let size = steps.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at < steps.length; ) {
      const fewer = [...steps.slice(0, at), ...steps.slice(at + size)];
      if (fewer.at(-1)?.kind === 'settle' && (await breaks(fewer))) steps = fewer;
      else at += size;
    }
  }
  for (let at = 0; at < steps.length; at++) {
    const step = steps[at] as Step;
    if (step.kind !== 'ask') continue;
    let { asks } = step;
    for (const ask of step.asks) {
      const fewer = asks.filter((other) => other !== ask);
      const replaced = [...steps.slice(0, at), { kind: 'ask' as const, asks: fewer }, ...steps.slice(at + 1)];
      if (fewer.length === 0 || !(await breaks(replaced))) continue;
      asks = fewer;
      steps = replaced;
    }
  }
  return { ...schedule, steps };
}
