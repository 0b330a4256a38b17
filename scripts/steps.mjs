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
  return {
    name,
    passed: 0,
    skipped: [],
    again: [],
    failures: ok ? [] : [{ name: `npm run ${name}`, messages: [] }],
  };
}

/** One folder of test/, or its files whose names begin so, as a step, under the Node that is `execPath`. */
export async function suiteStep(name, group, { execPath = process.execPath, limitSeconds = 900 } = {}) {
  const report = `reports/${group}/${name.replace('/', '-')}.json`;
  const isFolder = !name.includes('/');
  rmSync(report, { force: true });
  const args = ['node_modules/vitest/vitest.mjs', 'run', `test/${name}${isFolder ? '/' : ''}`];
  const reporters = ['--reporter=default', '--reporter=./scripts/suite-reporter.mjs'];
  const env = { ...process.env, SUITE_REPORT: report };
  const ok = await run(execPath, [...args, ...reporters], { limitSeconds, env });
  const result = resultOf(report);
  // An empty suite, and one that ends with an error it does not name.
  const failedOtherwise = result.failures.length === 0 && (!ok || result.passed === 0);
  if (failedOtherwise) result.failures.push({ name: `test/${name} as a whole`, messages: [] });
  return { name: `test/${name}`, ...result };
}

function resultOf(report) {
  try {
    return JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    const failures = [{ name: 'it did not come to its end', messages: [] }];
    return { passed: 0, skipped: [], again: [], failures };
  }
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
  if (done.some((step) => step.failures.length > 0)) process.exitCode = 1;
}

export function print(group, done) {
  console.log(`\n${group}`);
  for (const { name, passed, skipped, again, failures, seconds } of done) {
    const failed = failures.length;
    const counts = name.startsWith('test/') ? `${passed} passed, ${failed} failed` : failed ? 'failed' : 'ok';
    console.log(`  ${name.padEnd(18)} ${counts.padEnd(24)} ${seconds.toFixed(1).padStart(6)} s`);
    for (const test of skipped) console.log(`    skipped: ${test}`);
    for (const test of again) console.log(`    passed when it was run again: ${test}`);
    for (const failure of failures) console.log(`    failed: ${failure.name}`);
  }
}

/** Why, for whoever sees only the end of the output. */
export function printFailures(group, done) {
  for (const step of done) {
    for (const { name, messages } of step.failures) {
      console.log(`\nfailed: ${group}, ${step.name}: ${name}`);
      for (const message of messages) console.log(message.replace(/^/gm, '  '));
    }
  }
}
