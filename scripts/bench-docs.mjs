// node scripts/bench-docs.mjs [--check]: puts what `npm run bench -- --record` measured into README.md,
// docs/performance.md and docs/benchmark.svg. With --check it changes nothing and fails when they say something else.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { barChart } from './bar-chart.mjs';

const folder = 'bench/results';
const results = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')))
  .sort((a, b) => parseInt(a.node.slice(1), 10) - parseInt(b.node.slice(1), 10));

const ratio = (value) =>
  `${value < 0.1 ? value.toFixed(3) : value < 10 ? value.toFixed(2) : value.toPrecision(3)}x`;
const target = ({ target, atLeast }) =>
  `${atLeast ? '≥' : '≤'} ${target < 0.1 ? `1/${Math.round(1 / target)}` : `${target}x`}`;
const isMet = ({ reached, target, atLeast }) =>
  atLeast ? reached.median >= target : reached.median <= target;

const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

/** When and where: one line. */
function provenance({ node, machine, reports }) {
  const dates = Object.values(reports).map(({ date }) => date);
  return `Node ${node.slice(1)}, ${machine}, ${dates.reduce((a, b) => (a > b ? a : b))}`;
}

function goalsTable(result) {
  const goals = Object.values(result.reports).flatMap((report) => report.goals);
  const rows = goals.map((goal) => [
    goal.case,
    goal.mode,
    goal.against,
    `**${ratio(goal.reached.median)}**`,
    `${ratio(goal.reached.lowest)} to ${ratio(goal.reached.highest)}`,
    `${target(goal)}${isMet(goal) ? '' : ' (missed)'}`,
  ]);
  return table(['case', 'mode', 'against', 'reached (median)', 'range', 'target'], rows);
}

function stepsTable({ reports }) {
  const [, ...rows] = reports['steps'].table;
  return table(['step', 'ns per job'], rows);
}

/** What stands in the head of each, where what was recorded says nothing. */
const fleetHeads = [['what travels'], ['what travels', 'items/s', 'range'], ['time of']];

/** Each begins with a row without a name: throughput by the size of chunks, what is left of local threads by the length of jobs, what it costs. */
function fleetTables(result) {
  const tables = [];
  for (const row of result.reports['fleet'].table) {
    if (row[0] === '') tables.push([]);
    tables.at(-1).push(row);
  }
  const shown = tables.map(([head, ...body], place) => {
    const width = head.findLastIndex((cell) => cell !== '') + 1;
    return table(
      head.slice(0, width).map((cell, column) => cell || fleetHeads[place][column]),
      body.map((row) => row.slice(0, width)),
    );
  });
  return [...shown, `${provenance(result)}.`].join('\n\n');
}

const sections = results.map((result) => `### ${provenance(result)}\n\n${goalsTable(result)}`);
const first = results[0];
const rates = first.reports['small-jobs'].table
  .slice(1)
  .filter(([name]) => !['in the main thread', 'promises alone'].includes(name) && !name.includes('arrays'));
const bars = rates.map(([name, rate]) => ({
  label: /^(threshold|natural|batches)/.test(name) ? `leasepool, ${name}` : name,
  value: Number(rate.replaceAll(',', '')),
}));

const smallJobs = (mode, against) =>
  first.reports['small-jobs'].goals.find(
    (goal) => goal.mode === mode && goal.against.startsWith(against) && goal.atLeast,
  );
const [piscina, best] = ['piscina', 'best rival'].map((name) => smallJobs('threshold 20', name));
const quote = `One number in, one out, 10,000 in flight, two workers, \`batchSizeThreshold: 20\`: ${ratio(piscina.reached.median)} the throughput of piscina (${ratio(piscina.reached.lowest)} to ${ratio(piscina.reached.highest)} over ${piscina.reached.values.length} rounds), ${ratio(best.reached.median)} that of the best of piscina, tinypool, workerpool and poolifier. ${provenance(first)}.`;

const between = (text, name, content) => {
  const parts = text.split(new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- /${name} -->)`));
  if (parts.length !== 4) throw new Error(`There are no markers for ${name}.`);
  return `${parts[0]}${parts[1]}\n${content}\n\n${parts[2]}${parts[3]}`;
};

const outputs = {
  'README.md': (text) => between(text, 'bench', quote),
  'docs/performance.md': (text) =>
    between(between(text, 'bench', sections.join('\n\n')), 'steps', stepsTable(first)),
  'docs/more-than-one-machine.md': (text) => between(text, 'fleet', fleetTables(first)),
  'docs/benchmark.svg': () => barChart('Small jobs per second (one number in, one out, two workers)', bars),
};

/** Widths of table columns are the formatter's. */
const essence = (text) => text.replace(/[ -]+/g, ' ');
for (const [file, make] of Object.entries(outputs)) {
  let before = '';
  try {
    before = readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  const after = make(before);
  if (!process.argv.includes('--check')) writeFileSync(file, after);
  else if (essence(after) !== essence(before)) {
    console.error(`${file} does not say what ${folder} does: run node scripts/bench-docs.mjs.`);
    process.exitCode = 1;
  }
}
