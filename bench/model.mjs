// What a fleet of processes with near caches asks of Redis, in closed form.

/** The share of each key, and the key of a random number. The k-th is asked for as often as k^-s. */
export function zipf({ keys, zipf: s }) {
  const weights = Float64Array.from({ length: keys }, (_, k) => (k + 1) ** -s);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const shares = weights.map((weight) => weight / sum);
  const upTo = new Float64Array(keys);
  shares.reduce((total, share, k) => {
    upTo[k] = total + share;
    return upTo[k];
  }, 0);
  const draw = (at) => {
    let low = 0;
    let high = keys - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (upTo[middle] < at) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return { shares, draw };
}

/**
 * The same in closed form. A near cache is asked for key k as a Poisson process of rate a = rate * share / processes,
 * and the key is written at the rate w. Che's approximation: LRU keeps what was asked for within a time C, one for all
 * keys. An entry answers for `ttl` at most, and until its key is written or it has not been asked for within C.
 */
export function predict(model) {
  const { rate, processes, near, ttl, writes, keys, masters } = model;
  const { shares } = zipf(model);
  const w = writes / keys;
  const asked = shares.map((share) => (rate * share) / processes);
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  // A key takes room if it was asked for within C, and not written since.
  const occupied = (c) => sum(asked.map((a) => (a / (a + w)) * -Math.expm1(-(a + w) * c)));
  let low = 0;
  let high = 1e5;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (occupied(middle) < near) low = middle;
    else high = middle;
  }
  // A fetch is followed by a hit for each request in the time that the entry lasts on average.
  const hits = asked.map((a) => {
    const times = a * lasting(a, w, high, ttl);
    return times / (1 + times);
  });
  const ratio = sum(hits.map((hit, k) => shares[k] * hit));
  // A process is tracked for a key from its first request behind a write to the next write; any key may be written.
  const fanOut = (processes * sum(asked.map((a) => a / (a + w)))) / keys;
  const commands = rate * (1 - ratio);
  const hottest = rate * shares[0] * (1 - hits[0]);
  return {
    near: ratio,
    commands,
    hottest,
    share: shares[0],
    busiest: commands / masters,
    fanOut,
    messages: fanOut * writes,
  };
}

/** How long a fetched entry answers on average. */
function lasting(a, w, c, ttl) {
  const until = (rate, time) => (rate > 0 ? -Math.expm1(-rate * time) / rate : time);
  if (c >= ttl) return until(w, ttl);
  // It is there for C at least, and then if it was asked for in that time. How long from there on when LRU alone ends
  // it is known, as the time to the first gap of C between requests; that it ends at a constant rate is assumed.
  const again = -Math.expm1(-a * c);
  const further = a * c < 1e-4 ? (a * c * c) / 2 : (Math.expm1(a * c) - a * c) / a;
  return until(w, c) + again * Math.exp(-w * c) * until(w + again / further, ttl - c);
}
