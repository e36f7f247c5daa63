import { h, svg } from './dom.js';
import { brief, clock } from './format.js';

/* Small charts, each with a text alternative. */

const WIDTH = 600;
const HEIGHT = 120;

/**
 * Draws into a figure.
 * @param scale the texts for the largest value, its half, and zero. @param said the text alternative.
 * @param empty is shown in place of marks, where there are none.
 */
function draw(figure, { title, unit, scale, said, marks, empty, legend, from, to }) {
  figure.replaceChildren(
    h(
      'figcaption',
      {},
      h('span', { class: 'title' }, title, unit && h('span', { class: 'hint' }, ` ${unit}`)),
      ...legend,
    ),
    h(
      'div',
      { class: 'plot' },
      h(
        'div',
        { class: 'scale', 'aria-hidden': 'true' },
        scale.map((text) => h('span', {}, text)),
      ),
      svg(
        'svg',
        {
          viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
          preserveAspectRatio: 'none',
          role: 'img',
          'aria-label': `${title}: ${said}`,
        },
        [0, 0.5].map((y) => svg('line', { class: 'grid', x1: 0, x2: WIDTH, y1: y * HEIGHT, y2: y * HEIGHT })),
        marks,
        svg('line', { class: 'axis', x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }),
      ),
      marks.length === 0 ? h('p', { class: 'none', 'aria-hidden': 'true' }, empty) : null,
      h(
        'div',
        { class: 'times', 'aria-hidden': 'true' },
        h('span', {}, clock(from)),
        h('span', {}, clock(to)),
      ),
    ),
  );
}

/** The smallest round number that is not below the value. With few requests, one of them does not fill the chart. */
function roundAbove(value, least) {
  for (let unit = least / 4; ; unit *= 10) {
    const round = [4, 10, 20].map((factor) => factor * unit).find((top) => top >= value);
    if (round !== undefined) return round;
  }
}

function key(kind, text) {
  return h('span', { class: 'key' }, h('i', { class: `swatch ${kind}`, 'aria-hidden': 'true' }), text);
}

/** One bar for each bin, stacked from the counts of each kind. */
export function bars(figure, { kinds, bins, ...rest }) {
  const totals = bins.map((bin) => kinds.reduce((sum, [kind]) => sum + bin[kind], 0));
  const top = roundAbove(Math.max(...totals), 4);
  const step = WIDTH / bins.length;
  const marks = bins.flatMap((bin, i) => {
    let y = HEIGHT;
    return kinds.flatMap(([kind]) => {
      if (!bin[kind]) return [];
      const height = (bin[kind] / top) * HEIGHT;
      y -= height;
      return svg('rect', {
        ...{ class: kind, x: i * step + step * 0.1, y, width: step * 0.8, height },
      });
    });
  });
  const present = kinds.filter(([kind]) => bins.some((bin) => bin[kind]));
  const legend = present.map(([kind, text]) => key(kind, text));
  draw(figure, { ...rest, scale: [brief(top), brief(top / 2), '0'], marks, legend });
}

/**
 * One line for each kind. A bin without a value is a gap, and a value between two gaps a dot.
 * @param least the smallest scale. @param format the text of a value on the scale.
 */
export function lines(figure, { bins, kinds, least, format, ...rest }) {
  const values = bins.flatMap((bin) => kinds.map(([kind]) => bin[kind] ?? 0));
  const top = least === 1 ? 1 : roundAbove(Math.max(...values), least);
  const step = WIDTH / bins.length;
  const marks = kinds.flatMap(([kind]) => runs(bins.map((bin) => bin[kind])).map((run) => line(kind, run)));
  const legend = kinds.length > 1 ? kinds.map(([kind, text]) => key(kind, text)) : [];
  draw(figure, { ...rest, scale: [top, top / 2, 0].map(format), marks, legend });

  function line(kind, run) {
    const points = run.map(([i, value]) => `${(i + 0.5) * step},${HEIGHT - (value / top) * HEIGHT}`);
    // A line of no length, with round ends, is a dot.
    const isDot = run.length === 1;
    if (isDot) points.push(points[0]);
    return svg('polyline', { class: `line ${kind}${isDot ? ' dot' : ''}`, points: points.join(' ') });
  }
}

/** The sequences of values between gaps. */
function runs(values) {
  const result = [];
  let run;
  for (const [i, value] of values.entries()) {
    if (value === undefined) run = undefined;
    else if (run) run.push([i, value]);
    else {
      run = [[i, value]];
      result.push(run);
    }
  }
  return result;
}
