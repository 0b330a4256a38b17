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
  const steps = JSON.parse(readFileSync(report, 'utf8'));
  groups.push([group, steps]);
  print(group, steps);
  for (const step of steps) {
    passed += step.passed;
    failed += step.failures.length;
  }
}
for (const [group, steps] of groups) printFailures(group, steps);
console.log(`\n${passed} passed, ${failed} failed`);
if (failed > 0 || passed === 0) process.exitCode = 1;
