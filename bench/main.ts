// npm run bench [-- name]: each benchmark in a process of its own.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const benchmarks = ['small-jobs', 'uneven-jobs', 'open-loop', 'heap-per-job', 'cancel', 'from-thread'];

const wanted = process.argv.length > 2 ? process.argv.slice(2) : benchmarks;
for (const name of wanted) {
  if (!benchmarks.includes(name)) {
    console.error(`No benchmark is called ${name}. There are: ${benchmarks.join(', ')}.`);
    process.exit(2);
  }
}
for (const name of wanted) {
  const file = fileURLToPath(new URL(`${name}.js`, import.meta.url));
  const { status } = spawnSync(process.execPath, ['--expose-gc', file], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
