import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const isOurs = (line) => !line.includes('/node_modules/');
const messageOf = (error) => (error.stack ?? error.message).split('\n').filter(isOurs).join('\n');

/** Writes what became of each suite that $SUITES names to the file that $SUITE_REPORT names, for steps.mjs. */
export default class SuiteReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const suites = process.env.SUITES.split(' ').map((path) => {
      const isIn = ({ relativeModuleId }) => relativeModuleId.startsWith(path);
      return resultOf(path, modules.filter(isIn));
    });
    const nobodys = unhandledErrors.map((error) => ({
      name: 'caught by nobody',
      messages: [messageOf(error)],
    }));
    const report = process.env.SUITE_REPORT;
    mkdirSync(dirname(report), { recursive: true });
    writeFileSync(report, JSON.stringify({ suites, nobodys }));
  }
}

function resultOf(path, modules) {
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  const inState = (state) => tests.filter((test) => test.result().state === state);
  const withErrors = (test) => ({
    name: test.fullName,
    messages: (test.result().errors ?? []).map(messageOf),
  });
  const failures = inState('failed').map(withErrors);
  // What fails beside the tests: files that do not load, and hooks.
  for (const holder of modules.flatMap((module) => [module, ...module.children.allSuites()])) {
    const messages = holder.errors().map(messageOf);
    if (messages.length > 0) failures.push({ name: holder.fullName ?? holder.relativeModuleId, messages });
  }
  return {
    name: path.replace(/\/$/, ''),
    passed: inState('passed').length,
    skipped: inState('skipped').map((test) => [test.fullName, test.result().note].filter(Boolean).join(' ')),
    again: tests.filter((test) => test.diagnostic()?.flaky).map(withErrors),
    failures,
    seconds: modules.reduce((sum, module) => sum + module.diagnostic().duration, 0) / 1000,
  };
}
