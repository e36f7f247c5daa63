// How figures are made of samples, and written.

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Linear between ranks: 0 is the least, 1 the greatest. */
export function quantile(values, q) {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = q * (sorted.length - 1);
  const below = Math.floor(rank);
  const above = Math.ceil(rank);
  return sorted[below] + (sorted[above] - sorted[below]) * (rank - below);
}

/** What is left when nothing else gets in the way: other work on the machine only ever adds. */
export const least = (samples) => Math.min(...samples.map(({ cpu }) => cpu));

/** Of the ratios to another target in the same round. */
export const medianRatio = (own, other, field) =>
  median(own.map((sample, i) => sample[field] / other[i][field]));

/** How much one target adds to a base, as a multiple of what another adds; `undefined` where that is next to nothing. */
export function addedRatio(own, other, base) {
  const over = (samples) => median(samples.map(({ cpu }, i) => cpu - base[i].cpu));
  const least = median(base.map(({ cpu }) => cpu)) / 50;
  return over(other) > least ? over(own) / over(other) : undefined;
}

export const ms = (value) => `${value < 10 ? value.toFixed(2) : Math.round(value)} ms`;
export const mb = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`;
export const whole = (value) => Math.round(value).toLocaleString('en-US');
