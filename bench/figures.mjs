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

export const quartiles = (values) => [quantile(values, 0.25), quantile(values, 0.75)];

/** The ratios to another target in the same round. */
export const ratios = (own, other, field) => own.map((sample, i) => sample[field] / other[i][field]);

/**
 * The CPU that one target adds to a base, as a multiple of the CPU that another target adds to it: the ratio of the
 * medians, and the quartiles of the ratios of single rounds; `undefined` where the other adds less than a fiftieth of
 * the base.
 */
export function addedRatio(own, other, base) {
  const added = (samples) => samples.map(({ cpu }, i) => cpu - base[i].cpu);
  const [ownAdded, otherAdded] = [added(own), added(other)];
  const threshold = median(base.map(({ cpu }) => cpu)) / 50;
  if (median(otherAdded) <= threshold) return undefined;
  // A round in which the other adds nothing is noise, and has no ratio.
  const rounds = ownAdded.flatMap((value, i) => (otherAdded[i] > threshold ? [value / otherAdded[i]] : []));
  return { value: median(ownAdded) / median(otherAdded), spread: quartiles(rounds) };
}

export const ms = (value) => `${value < 10 ? value.toFixed(2) : Math.round(value)} ms`;
export const mb = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`;
export const whole = (value) => Math.round(value).toLocaleString('en-US');
/** Two quartiles. @param format of each; by default two decimals. */
export const range = ([low, high], format = (value) => value.toFixed(2)) =>
  format(low) === format(high) ? format(low) : `${format(low)}-${format(high)}`;
