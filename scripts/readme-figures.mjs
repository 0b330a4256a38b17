// node scripts/readme-figures.mjs [--check]: copies the figures of docs/proof/reliability.json into README.md.
import { readFileSync, writeFileSync } from 'node:fs';

const begin = '<!-- figures: npm run figures -->\n';
const end = '<!-- /figures -->';

const count = (value) => value.toLocaleString('en-GB');
const of = ({ date, commit, runtime }) => `${runtime}, commit ${commit}, ${date}`;

const sentences = {
  soak: (run) =>
    `A soak of ${run.minutes} minutes with backend \`"${run.backend}"\`, seed ${run.seed} (${of(run)}): ` +
    `${count(run.verified)} results verified, ${count(run.workerDeaths)} workers died, ` +
    `lost ${run.lost}, run twice ${run.twice}, hung ${run.hung}.`,
  simulation: (run, seed) =>
    `A simulation of ${run.seconds} s from seed ${seed} (${of(run)}): ${count(run.programs)} programs, ` +
    `${count(run.commands)} commands, ${count(run.items)} jobs, ${count(run.faults)} faults, ` +
    `${count(run.promisesBroken)} promises broken.`,
  leaks: (run, backend) =>
    `With backend \`"${backend}"\`, ${count(run.leases.times)} leases, ${count(run.crashes.times)} crashes and ` +
    `${count(run.restarts.times)} starts and stops (${of(run)}) left behind ` +
    `${Object.values(run).flatMap((phase) => Object.keys(phase.leftBehind ?? {})).length === 0 ? 'no descriptor, thread, child process or listener' : 'something'}.`,
};

function figures(record) {
  return Object.entries(record)
    .map(([name, run]) => {
      const [kind, backend] = name.split(' ');
      return sentences[kind]?.(run, backend);
    })
    .filter((sentence) => sentence !== undefined)
    .map((sentence) => `- ${sentence}\n`)
    .join('');
}

const readme = readFileSync('README.md', 'utf8');
const record = JSON.parse(readFileSync('docs/proof/reliability.json', 'utf8'));
const from = readme.indexOf(begin) + begin.length;
const to = readme.indexOf(end, from);
if (from < begin.length || to < 0) throw new Error(`README.md lacks ${begin.trim()} or ${end}.`);
const updated = `${readme.slice(0, from)}\n${figures(record)}\n${readme.slice(to)}`;
if (!process.argv.includes('--check')) writeFileSync('README.md', updated);
else if (updated !== readme) {
  console.error('The figures of README.md are not those of docs/proof/reliability.json: npm run figures.');
  process.exitCode = 1;
}
