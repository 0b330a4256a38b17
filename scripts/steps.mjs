import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const running = new Set();

// Each step leads a process group of its own, so that a hung worker cannot outlive it.
function killGroup(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    running.forEach(killGroup);
    process.exit(1);
  });
}

export function run(command, args, { limitSeconds, ...options }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'inherit', detached: true, ...options });
    running.add(child);
    const limit = setTimeout(() => {
      console.error(`${command} ${args.join(' ')} was still running after ${limitSeconds} s`);
      killGroup(child);
    }, limitSeconds * 1000);
    child.on('error', (error) => console.error(error.message));
    child.on('close', (exitCode) => {
      running.delete(child);
      clearTimeout(limit);
      resolve(exitCode === 0);
    });
  });
}

/** One npm script as a step. */
export async function scriptStep(name, { limitSeconds = 120 } = {}) {
  const ok = await run('npm', ['run', '--silent', name], {
    limitSeconds,
    // `npm pack` would rebuild dist under the feet of whoever uses it.
    env: { ...process.env, npm_config_ignore_scripts: 'true' },
  });
  return { name, passed: 0, failed: ok ? 0 : 1, skipped: [] };
}

/** One folder of test/, or its files whose names begin so, as a step, under the Node that is `execPath`. */
export async function suiteStep(name, group, { execPath = process.execPath, limitSeconds = 900 } = {}) {
  const report = `reports/${group}/${name.replace('/', '-')}.json`;
  const isFolder = !name.includes('/');
  rmSync(report, { force: true });
  const args = ['node_modules/vitest/vitest.mjs', 'run', `test/${name}${isFolder ? '/' : ''}`];
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const ok = await run(execPath, [...args, ...reporters], { limitSeconds });
  return { name: `test/${name}`, ...countTests(report, ok) };
}

function countTests(report, ok) {
  let files;
  try {
    files = JSON.parse(readFileSync(report, 'utf8')).testResults;
  } catch {
    return { passed: 0, failed: 1, skipped: [] };
  }
  const tests = files.flatMap((file) => file.assertionResults);
  const passed = tests.filter((test) => test.status === 'passed').length;
  const failed = tests.filter((test) => test.status === 'failed').length;
  const skipped = tests.filter((test) => !['passed', 'failed'].includes(test.status));
  // A file that does not load, an unhandled rejection or an empty suite fails without a failed test.
  const failedOtherwise = failed === 0 && (!ok || passed === 0);
  return { passed, failed: failedOtherwise ? 1 : failed, skipped: skipped.map((test) => test.fullName) };
}

/** Runs steps one after the other, records them for the summary and sets the exit code. */
export async function runGroup(group, steps) {
  mkdirSync(`reports/${group}`, { recursive: true });
  rmSync(`reports/${group}.json`, { force: true });
  const done = [];
  for (const step of steps) {
    const started = performance.now();
    const result = await step();
    done.push({ ...result, seconds: (performance.now() - started) / 1000 });
  }
  writeFileSync(`reports/${group}.json`, JSON.stringify(done, null, 2));
  print(group, done);
  if (done.some((step) => step.failed > 0)) process.exitCode = 1;
}

export function print(group, done) {
  console.log(`\n${group}`);
  for (const { name, passed, failed, skipped, seconds } of done) {
    const counts = name.startsWith('test/') ? `${passed} passed, ${failed} failed` : failed ? 'failed' : 'ok';
    console.log(`  ${name.padEnd(18)} ${counts.padEnd(24)} ${seconds.toFixed(1).padStart(6)} s`);
    for (const test of skipped) console.log(`    skipped: ${test}`);
  }
}
