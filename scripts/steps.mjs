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

/** One npm script. @returns what became of it */
export async function runScript(name, { limitSeconds = 300 } = {}) {
  const began = performance.now();
  const ok = await run('npm', ['run', '--silent', name], {
    limitSeconds,
    // `npm pack` would rebuild dist under the feet of whoever uses it.
    env: { ...process.env, npm_config_ignore_scripts: 'true' },
  });
  const failures = ok ? [] : [{ name: `npm run ${name}`, messages: [] }];
  return { name, passed: 0, skipped: [], again: [], failures, seconds: (performance.now() - began) / 1000 };
}

/**
 * Folders of test/, or their files whose names begin so, under the Node that is `execPath`: all in one run, so that no
 * core is idle while a suite comes to its end. @returns what became of each
 */
export async function runSuites(names, group, { execPath = process.execPath, limitSeconds = 1800 } = {}) {
  const report = `reports/${group}-suites.json`;
  rmSync(report, { force: true });
  const paths = names.map((name) => `test/${name}${name.includes('/') ? '' : '/'}`);
  const reporters = ['--reporter=default', '--reporter=./scripts/suite-reporter.mjs'];
  const env = { ...process.env, SUITES: paths.join(' '), SUITE_REPORT: report };
  const args = ['node_modules/vitest/vitest.mjs', 'run', ...paths, ...reporters];
  const ok = await run(execPath, args, { limitSeconds, env });
  const { suites, nobodys } = readReport(report);
  for (const suite of suites) {
    if (suite.passed === 0) suite.failures.push({ name: `${suite.name} did not run`, messages: [] });
  }
  const isExplained = suites.some(({ failures }) => failures.length > 0) || nobodys.length > 0;
  if (!ok && !isExplained) nobodys.push({ name: 'the run did not come to its end', messages: [] });
  const beside = {
    name: 'beside the tests',
    passed: 0,
    skipped: [],
    again: [],
    failures: nobodys,
    seconds: 0,
  };
  return nobodys.length > 0 ? [...suites, beside] : suites;
}

function readReport(report) {
  try {
    return JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    return { suites: [], nobodys: [] };
  }
}

/** Runs what gives results, one after the other, records them for the summary and sets the exit code. */
export async function runGroup(group, steps) {
  mkdirSync('reports', { recursive: true });
  rmSync(`reports/${group}.json`, { force: true });
  const began = performance.now();
  const results = [];
  for (const step of steps) results.push(...[await step()].flat());
  const seconds = (performance.now() - began) / 1000;
  writeFileSync(`reports/${group}.json`, JSON.stringify({ results, seconds }, null, 2));
  print(group, { results, seconds });
  if (results.some(({ failures }) => failures.length > 0)) process.exitCode = 1;
}

/** The seconds of a suite are those of its files, some of which ran side by side. */
export function print(group, { results, seconds }) {
  console.log(`\n${group}, ${seconds.toFixed(0)} s`);
  for (const { name, passed, skipped, again, failures, seconds } of results) {
    const failed = failures.length;
    const counts = name.startsWith('test/') ? `${passed} passed, ${failed} failed` : failed ? 'failed' : 'ok';
    console.log(`  ${name.padEnd(22)} ${counts.padEnd(24)} ${seconds.toFixed(1).padStart(6)} s`);
    for (const test of skipped) console.log(`    skipped: ${test}`);
    for (const { name, messages } of again) {
      console.log(`    passed when it was run again: ${name}`);
      for (const message of messages) console.log(message.replace(/^/gm, '      '));
    }
    for (const failure of failures) console.log(`    failed: ${failure.name}`);
  }
}

/** Why, for whoever sees only the end of the output. */
export function printFailures(group, { results }) {
  for (const { name: where, failures } of results) {
    for (const { name, messages } of failures) {
      console.log(`\nfailed: ${group}, ${where}: ${name}`);
      for (const message of messages) console.log(message.replace(/^/gm, '  '));
    }
  }
}
