import { existsSync, readFileSync } from 'node:fs';
import { print, printFailures } from './steps.mjs';
import { runtimes } from './suites.mjs';

const groups = [];
let passed = 0;
let failed = 0;
for (const group of ['fast', 'slow', ...runtimes, 'others']) {
  const report = `reports/${group}.json`;
  if (!existsSync(report)) {
    console.log(`\n${group}\n  did not run to its end`);
    failed += 1;
    continue;
  }
  const done = JSON.parse(readFileSync(report, 'utf8'));
  groups.push([group, done]);
  print(group, done);
  for (const result of done.results) {
    passed += result.passed;
    failed += result.failures.length;
  }
}
for (const [group, done] of groups) printFailures(group, done);
console.log(`\n${passed} passed, ${failed} failed`);
if (failed > 0 || passed === 0) process.exitCode = 1;
