import type { CommandName } from './command.ts';

const general = `Usage: leasepool <command>

  leasepool run <module#name>      runs a task for each line of NDJSON
  leasepool doctor <module#name>   tells whether a task can run in a worker
  leasepool worker                 runs jobs of a fleet (needs bullmq and ioredis; --help tells more)
  leasepool help [command]
  leasepool --version

A task is named by its module and the name it has there: ./tasks.js#hash, or some-package#hash.
Without #name it is the default export.
`;

const about: Readonly<Record<CommandName, string>> = {
  run: `Usage: leasepool run <module#name> [options]

Reads NDJSON, runs the task once for each line with its value as argument, and writes the results as NDJSON.

  -i, --input FILE        what to read (standard input)
  -o, --output FILE       where results go (standard output)
  -e, --errors FILE       where lines that failed are reported, as NDJSON (standard error)
  -u, --unordered         writes results as they are known, not in the order of their lines
  -n, --numbered          writes {"line":…,"value":…} for each result
      --spread            each line is an array of arguments
  -w, --workers N         how many workers (4, or the processors if fewer)
  -b, --batch N           how many lines make a batch (20)
  -c, --concurrency N     most lines between input and output (4 batches, or 4 per worker)
  -t, --timeout SECONDS   longest run of one line; then its worker is replaced (none)
      --backend NAME      thread, process, or inline for debugging (thread)
      --no-progress       no progress bar on a terminal (there is none among results)
  -h, --help

Exit code: 0 all lines succeeded, 3 some failed, 1 it broke off, 2 wrong usage, 130 interrupted
(Ctrl-C finishes the jobs under way, a second one does not), 141 nobody reads the results.
`,
  doctor: `Usage: leasepool doctor <module#name> [options]

Loads the module in a worker, as a job would, and tells what the name stands for, which tasks there are, and what to
do when it fails. Runs no task.

      --backend NAME      thread, process or inline (thread)
  -h, --help

Exit code: 0 the task can run, 1 it cannot, 2 wrong usage.
`,
};

export function helpText(command: CommandName | undefined): string {
  return command === undefined ? general : about[command];
}

/** What is said after wrong usage. */
export function misuseText(problem: string, command: CommandName | undefined): string {
  return `leasepool: ${problem}\nTry 'leasepool ${command === undefined ? 'help' : `${command} --help`}'.\n`;
}
