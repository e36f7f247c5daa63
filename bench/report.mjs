// The figures as tables, on the terminal and in RESULTS.md.

import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { goals } from './scenarios.mjs';
import { say, table } from './screen.mjs';

const BAR = 40;

/** @returns the rows of a scenario's table, the first one being its head. */
export function cells({ scenario, rows, head, wrong }) {
  if (!scenario.rate) return [head, ...rows];
  const withRatio = ({ value, ratio }, format) =>
    ratio === undefined ? format(value) : `${format(value)} (${ratio.toFixed(2)}x)`;
  return [
    ['', 'CPU us', 'least', 'requests/s', 'p50', 'p99', 'Redis us', 'rss', ''],
    ...rows.map((row) => [
      `${row.name}${row.isFloor ? ' =' : ''}`,
      withRatio(row.cpu, (value) => value.toFixed(1)),
      withRatio(row.least, (value) => value.toFixed(1)),
      withRatio(row.rate, (value) => String(Math.round(value))),
      withRatio(row.p50, ms),
      withRatio(row.p99, ms),
      withRatio(row.redisCpu, (value) => value.toFixed(1)),
      withRatio(row.rss, (value) => `${Math.round(value / 2 ** 20)} MB`),
      [row.adds !== undefined && `adds ${row.adds.toFixed(2)}x`, ...(wrong.get(row.name) ?? [])]
        .filter(Boolean)
        .join('; '),
    ]),
  ];
}

export function show(result) {
  say();
  say(`  ${result.scenario.title}`);
  table(cells(result));
  for (const { name, why } of result.skipped) say(`  skipped: ${name}: ${why}`);
  say();
}

/** Each goal, what was measured, and whether that is enough. */
export function judged(results) {
  return goals.flatMap(({ id, target, limit, adds, text }) => {
    const rows = results.find(({ scenario }) => scenario.id === id)?.rows ?? [];
    return rows
      .filter(({ name }) => name === target || name.startsWith(`${target}, node`))
      .map((row) => ({ name: row.name, text, limit, value: adds ? row.adds : row.cpu.ratio }))
      .filter(({ value }) => value !== undefined)
      .map((goal) => ({ ...goal, met: goal.value <= limit }));
  });
}

export function showGoals(results) {
  for (const { text, name, value, met } of judged(results)) {
    say(`  ${met ? 'met  ' : 'UNMET'}  ${value.toFixed(2)}  ${text} (${name})`);
  }
}

export function write(file, { results, versions, options, took, unavailable }) {
  const [{ model }] = cpus();
  const lines = [
    '# Results',
    '',
    'Written by `npm run bench`; [README.md](README.md) says what is measured, and how.',
    '',
    `- Machine: ${cpus().length} x ${model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GB`,
    ...versions.map((line) => `- ${line}`),
    `- Run: ${options.rounds} interleaved rounds of ${options.seconds} s, ${options.connections} connections; ${took} minutes`,
    '',
    '## Goals',
    '',
    '| goal | measured | |',
    '|---|---|---|',
    ...judged(results).map(
      ({ text, name, value, met }) =>
        `| ${text} (${name}) | ${value.toFixed(2)} | ${met ? 'met' : '**unmet**'} |`,
    ),
    '',
    ...results.flatMap(section),
    ...(unavailable.length > 0
      ? ['## Not measured', '', ...unavailable.map(({ name, why }) => `- ${name}: ${why}`), '']
      : []),
  ];
  writeFileSync(file, `${lines.join('\n').trimEnd()}\n`);
}

function section(result) {
  const { scenario, skipped } = result;
  const [head, ...rows] = cells(result);
  return [
    `## ${scenario.title}`,
    '',
    row(head),
    row(head.map((_, i) => (i === 0 || (scenario.rate && i === head.length - 1) ? '---' : '--:'))),
    ...rows.map(row),
    '',
    ...(scenario.rate
      ? ['CPU of the target, as a multiple of its floor:', '', '```', ...bars(result.rows), '```', '']
      : []),
    ...skipped.flatMap(({ name, why }) => [`Skipped: ${name}: ${why}`, '']),
  ];
}

const row = (columns) => `| ${columns.join(' | ')} |`.replaceAll('|  |', '| |');

function bars(rows) {
  const ratios = rows.map(({ cpu }) => cpu.ratio ?? 1);
  const most = Math.max(...ratios, 2);
  const width = Math.max(...rows.map(({ name }) => name.length));
  return rows.map(({ name }, i) => {
    const bar = '#'.repeat(Math.max(1, Math.round((ratios[i] / most) * BAR)));
    return `${name.padEnd(width)}  ${ratios[i].toFixed(2)}  ${bar}`;
  });
}

const ms = (value) => `${value.toFixed(2)} ms`;
