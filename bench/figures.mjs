// Statistics of samples, and how figures are written.

/** Linear between ranks: 0 is the least value, 1 the greatest. */
export function quantile(values, q) {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = q * (sorted.length - 1);
  const below = Math.floor(rank);
  const above = Math.ceil(rank);
  return sorted[below] + (sorted[above] - sorted[below]) * (rank - below);
}

export const median = (values) => quantile(values, 0.5);

/** The best round: other work on the machine only ever adds CPU. */
export const leastCpu = (samples) => Math.min(...samples.map(({ cpu }) => cpu));

/** The median of the ratios to another target in the same round. */
export const medianRatio = (own, other, field) =>
  median(own.map((sample, i) => sample[field] / other[i][field]));

/**
 * The CPU that one target adds to a base, as a multiple of the CPU that another target adds to it; `undefined` where
 * the other adds less than a fiftieth of the base.
 */
export function addedRatio(own, other, base) {
  const added = (samples) => median(samples.map(({ cpu }, i) => cpu - base[i].cpu));
  const threshold = median(base.map(({ cpu }) => cpu)) / 50;
  return added(other) > threshold ? added(own) / added(other) : undefined;
}

export const ms = (value) => `${value < 10 ? value.toFixed(2) : Math.round(value)} ms`;
export const mb = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`;
export const whole = (value) => Math.round(value).toLocaleString('en-US');
