// The figures and the goals as tables, on the terminal and in RESULTS.md.

import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { chart } from './chart.mjs';
import { addedRatio, median, ms, quartiles, range, ratios } from './figures.mjs';
import { goals } from './scenarios/index.mjs';
import { print, printTable } from './terminal.mjs';

/** @returns the head and the rows of a scenario's table. */
function cells({ scenario, rows, head, wrong }) {
  if (!scenario.rate) return [head, ...rows];
  const withRatio = ({ value, ratio }, format) =>
    ratio === undefined ? format(value) : `${format(value)} (${ratio.toFixed(2)}x)`;
  return [
    ['', 'CPU us', 'spread', 'best round', 'requests/s', 'p50', 'p99', 'Redis us', 'rss', ''],
    ...rows.map((row) => [
      `${row.name}${row.isFloor ? ' =' : ''}`,
      withRatio(row.cpu, (value) => value.toFixed(1)),
      row.spread ? `${range(row.spread)}x` : '',
      withRatio(row.least, (value) => value.toFixed(1)),
      withRatio(row.rate, (value) => String(Math.round(value))),
      withRatio(row.p50, ms),
      withRatio(row.p99, ms),
      row.redisCpu.value.toFixed(1),
      `${Math.round(row.rss.value / 2 ** 20)} MB`,
      [...(wrong.get(row.name) ?? [])].join('; '),
    ]),
  ];
}

const titleOf = ({ scenario, runtime }) => `${scenario.title}${runtime ? `, Node ${runtime}` : ''}`;

export function show(result) {
  print();
  print(`  ${titleOf(result)}`);
  if (result.text) print(`  ${result.text}`);
  printTable(cells(result));
  for (const { name, why } of result.skipped) print(`  skipped: ${name}: ${why}`);
  print();
}

/** Each goal with the measured value, its quartiles and whether it is met; for one without a value, the reason. */
export function goalResults(results) {
  return goals.flatMap((goal) =>
    results.filter(({ scenario }) => scenario.id === goal.id).map((result) => resultOf(goal, result)),
  );
}

function resultOf(goal, result) {
  const { target, figure, of, plus, field } = goal;
  const { scenario, skipped, figures = {} } = result;
  const limit = plus ? (figures[plus.of]?.[figure] ?? Number.NaN) + plus.more : goal.limit;
  const measured = figure ? figureOfTarget(figures[target], figure) : ratioOf(goal, result.samples);
  const text = figure
    ? `${scenario.title}: ${target}: ${goal.text}`
    : `${titleOf(result)}: ${field === 'redisCpu' ? 'CPU of Redis: ' : ''}${target} ${goal.adds ? `adds, as a multiple of what ${of} adds` : `/ ${of}`}`;
  if (measured === undefined || Number.isNaN(limit)) {
    const why = skipped.find(({ name }) => name === target)?.why ?? 'not part of this run';
    return { text, limit, why };
  }
  return { text, limit, ...measured, met: measured.value <= limit };
}

function figureOfTarget(figures, name) {
  const value = figures?.[name];
  return value === undefined ? undefined : { value, spread: figures.spread?.[name] };
}

/** The median over the rounds, and its quartiles. */
function ratioOf({ target, of, adds, field = 'cpu' }, samples) {
  const [own, other, base] = [target, of, adds].map((name) => samples.get(name));
  if (!own || !other || own.length !== other.length || (adds && base?.length !== own.length))
    return undefined;
  if (adds) return addedRatio(own, other, base);
  const rounds = ratios(own, other, field);
  return { value: median(rounds), spread: quartiles(rounds) };
}

const figureOf = (value) => (Number.isInteger(value) ? `${value}` : value.toFixed(2));

export function showGoals(results) {
  for (const { text, value, spread, limit, met, why } of goalResults(results)) {
    if (value === undefined) print(`  -      ${text}: ${why}`);
    else {
      const quartiles = spread ? `, spread ${range(spread)}` : '';
      print(
        `  ${met ? 'met  ' : 'UNMET'}  ${figureOf(value)} (at most ${figureOf(limit)}${quartiles})  ${text}`,
      );
    }
  }
}

/** @param files the paths `markdown` and `svg`, in one folder. */
export function write(files, { results, versions, options, duration, unavailable }) {
  const [{ model }] = cpus();
  writeFileSync(files.svg, chart(charted(results)));
  const lines = [
    '# Results',
    '',
    'Written by `npm run bench`. [README.md](README.md) says how each figure is measured. A ratio is the median of the',
    'ratios to the floor (`=`) of the same round, and `spread` is their quartiles: half of the rounds lie between the two.',
    'Compare the ratios: the figures themselves depend on the machine.',
    '',
    `- Machine: ${cpus().length} x ${model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GB, ${process.platform} ${process.arch}`,
    ...versions.map((line) => `- ${line}`),
    `- Run: ${options.rounds} interleaved rounds of ${options.seconds} s, ${options.connections} connections; ${duration} minutes`,
    '- The load, the targets and Redis share the CPUs. The figure to compare is the CPU of the target, not the rate.',
    '',
    '![CPU per hit](results.svg)',
    '',
    '## Goals',
    '',
    '| goal | at most | measured | spread | |',
    '|---|--:|--:|--:|---|',
    ...goalResults(results).map(({ text, value, spread, limit, met, why }) =>
      value === undefined
        ? row([text, Number.isNaN(limit) ? '' : figureOf(limit), '', '', `not measured: ${why}`])
        : row([
            text,
            figureOf(limit),
            figureOf(value),
            spread ? range(spread) : '',
            met ? 'met' : '**unmet**',
          ]),
    ),
    '',
    ...results.flatMap(section),
    ...(unavailable.length > 0
      ? ['## Not measured', '', ...unavailable.map(({ name, why }) => `- ${name}: ${why}`), '']
      : []),
  ];
  writeFileSync(files.markdown, `${lines.join('\n').trimEnd()}\n`);
}

function charted(results) {
  return results
    .filter(({ scenario }) => scenario.everyNode)
    .map((result) => ({
      title: titleOf(result),
      bars: result.rows.map(({ name, kind, cpu }) => {
        return { name, value: cpu.value, isPackage: kind === 'package' };
      }),
    }));
}

function section(result) {
  const { skipped, text } = result;
  const [head, ...rows] = cells(result);
  return [
    `## ${titleOf(result)}`,
    '',
    ...(text ? [text, ''] : []),
    row(head),
    row(head.map((_, i) => (i === 0 || head[i] === '' ? '---' : '--:'))),
    ...rows.map(row),
    '',
    ...skipped.map(({ name, why }) => `- skipped: ${name}: ${why}`),
    ...(skipped.length > 0 ? [''] : []),
  ];
}

const row = (columns) => `|${columns.map((column) => (column ? ` ${column} ` : ' ')).join('|')}|`;
