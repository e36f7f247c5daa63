// What the clients of the demo ask for: the leads around twelve places.

const places = [
  ['DE', 100_000, '52.52,13.40'],
  ['FR', 50_000, '48.86,2.35'],
  ['ES', 50_000, '40.42,-3.70'],
  ['IT', 50_000, '41.90,12.50'],
  ['GB', 100_000, '51.51,-0.13'],
  ['PL', 20_000, '52.23,21.01'],
  ['US', 100_000, '41.88,-87.63'],
  ['MX', 50_000, '19.43,-99.13'],
  ['BR', 100_000, '-23.55,-46.63'],
  ['IN', 200_000, '19.08,72.88'],
  ['JP', 100_000, '35.68,139.69'],
  ['AU', 20_000, '-33.87,151.21'],
];

export const queries = places.map(leads);

/** One that nobody asks before the quota is spent. */
export const lateQuery = leads(['ZA', 50_000, '-26.20,28.05']);

/** The same question with its parameters in another order. */
export function reordered(query) {
  const [path, parameters] = query.split('?');
  return `${path}?${parameters.split('&').reverse().join('&')}`;
}

function leads([country, minPopulation, near]) {
  return `/leads?country=${country}&minPopulation=${minPopulation}&near=${near}&page=1`;
}
