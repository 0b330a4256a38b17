#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { readCommand } from './command.ts';
import { doctor } from './doctor.ts';
import { exitCode } from './exit-code.ts';
import { helpText, misuseText } from './help.ts';
import { run, say } from './run.ts';
import { worker } from './worker.ts';

const version = (): string => {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
};

/** @returns the exit code */
async function main(args: readonly string[]): Promise<number> {
  if (args[0] === 'worker') return worker(args.slice(1));
  if (args[0] === 'help' && args[1] === 'worker') return worker(['--help']);
  const command = readCommand(args);
  switch (command.kind) {
    case 'run':
      return run(command);
    case 'doctor':
      return doctor(command);
    case 'help':
      process.stdout.write(helpText(command.about));
      return exitCode.ok;
    case 'version':
      process.stdout.write(`${version()}\n`);
      return exitCode.ok;
    case 'misuse':
      process.stderr.write(misuseText(command.problem, command.about));
      return exitCode.misuse;
  }
}

// Whoever writes there hears of it as well; without a listener it would end the process with a stack trace.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

process.exitCode = await main(process.argv.slice(2)).catch((error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return exitCode.unread;
  say(error.message);
  return exitCode.brokeOff;
});
