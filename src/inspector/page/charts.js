import { h, svg } from './dom.js';
import { brief, clock } from './format.js';

/* Small charts, each with a text alternative. */

const WIDTH = 600;
const HEIGHT = 120;

/** Draws into a figure. @param scale the text for the largest value. @param said the text alternative. */
function draw(figure, { title, scale, said, marks, legend, from, to }) {
  figure.replaceChildren(
    h('figcaption', {}, h('span', { class: 'title' }, title), ...legend),
    h(
      'div',
      { class: 'plot' },
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
      h('span', { class: 'top-label', 'aria-hidden': 'true' }, scale),
    ),
    h('div', { class: 'times', 'aria-hidden': 'true' }, h('span', {}, clock(from)), h('span', {}, clock(to))),
  );
}

function key(kind, text) {
  return h('span', { class: 'key' }, h('i', { class: `swatch ${kind}`, 'aria-hidden': 'true' }), text);
}

/** One bar for each bin, stacked from the counts of each kind. */
export function bars(figure, { title, bins, kinds, width, said, from, to }) {
  const totals = bins.map((bin) => kinds.reduce((sum, [kind]) => sum + bin[kind], 0));
  const top = Math.max(1, ...totals);
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
  draw(figure, { title, scale: `${brief(top / width)}/s`, said, marks, legend, from, to });
}

/** One line for each kind. A bin without a value is a gap. */
export function lines(figure, { title, bins, kinds, top, scale, said, from, to }) {
  const step = WIDTH / bins.length;
  const marks = kinds.flatMap(([kind]) => runs(bins.map((bin) => bin[kind])).map((run) => line(kind, run)));
  const legend = kinds.length > 1 ? kinds.map(([kind, text]) => key(kind, text)) : [];
  draw(figure, { title, scale, said, marks, legend, from, to });

  function line(kind, run) {
    const [only] = run;
    const points = run.map(([i, value]) => `${(i + 0.5) * step},${HEIGHT - (value / top) * HEIGHT}`);
    // A single value has no line to draw, so it becomes a short one.
    if (run.length === 1) points.push(`${(only[0] + 0.9) * step},${HEIGHT - (only[1] / top) * HEIGHT}`);
    return svg('polyline', { class: `line ${kind}`, points: points.join(' ') });
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
