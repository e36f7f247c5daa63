// A bar chart as SVG, readable on a light and on a dark page.

const WIDTH = 820;
const LABEL = 220;
const FIGURE = 120;
const LINE = 20;
const TITLE = 34;
const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #333 }
  .title { font-weight: 600; font-size: 14px }
  .bar { fill: #a8b3c2 }
  .package { fill: #d3452e }
  @media (prefers-color-scheme: dark) { text { fill: #ddd } .bar { fill: #66707e } .package { fill: #f0705a } }
`;

/** @param groups each a title and its bars: a name, a value in microseconds, and whether it is this package's. */
export function chart(groups) {
  const parts = [];
  let y = 0;
  for (const { title, bars } of groups) {
    y += TITLE;
    parts.push(`<text class="title" x="0" y="${y - 12}">${escaped(title)}: CPU per request, us</text>`);
    // A bar that is many times as long is cut off, so that the others stay distinct.
    const most = Math.max(...bars.filter(({ isPackage }) => isPackage).map(({ value }) => value), 1) * 2;
    for (const { name, value, isPackage } of bars) {
      const room = WIDTH - LABEL - FIGURE;
      const width = (room * Math.min(value, most)) / most;
      parts.push(
        `<text x="${LABEL - 8}" y="${y + 13}" text-anchor="end">${escaped(name)}</text>`,
        `<rect class="${isPackage ? 'package' : 'bar'}" x="${LABEL}" y="${y + 2}" width="${width.toFixed(1)}" height="${LINE - 6}" rx="2"/>`,
        `<text x="${LABEL + width + 6}" y="${y + 13}">${value.toFixed(0)}${value > most ? ' (cut off)' : ''}</text>`,
      );
      y += LINE;
    }
  }
  const size = `viewBox="0 0 ${WIDTH} ${y + 8}" width="${WIDTH}" height="${y + 8}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img">\n<title>CPU of a hit, by target and Node</title>\n<style>${STYLE}</style>\n${parts.join('\n')}\n</svg>\n`;
}

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
