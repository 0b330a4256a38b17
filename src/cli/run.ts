import { createWriteStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { addAbortSignal, type Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isOfLibrary } from '../backend.ts';
import { LeasedExecutorManager, type MapOutcome, type TaskRef, WorkGrinder } from '../index.ts';
import type { RunCommand } from './command.ts';
import { diagnose, diagnosisText } from './diagnosis.ts';
import { isFile } from './doctor.ts';
import { examine } from './examination.ts';
import { exitCode } from './exit-code.ts';
import { misuseText } from './help.ts';
import { Interruption } from './interruption.ts';
import { readLines } from './lines.ts';
import { noProgress, type Progress, showProgress, type Tally } from './progress.ts';
import { type Failure, failureLine, failureOf, type LineJob, readJob, resultLine } from './records.ts';
import { readTaskName } from './task-name.ts';

/** The longest line that is kept: with 80 of them under way, a bad file is an error rather than the end of the memory. */
const mostBytes = 16 * 1024 * 1024;

/** Runs a task for each line of the input. @returns the exit code */
export async function run(command: RunCommand): Promise<number> {
  const screen: Screen = { progress: noProgress };
  const interruption = new Interruption(() => {
    process.stderr.write(screen.progress.clear);
    say('finishing the jobs under way; again to stop at once');
  });
  try {
    const input = await openInput(command, interruption.signal);
    if (typeof input !== 'string')
      return interruption.exitCodeOr(await runOn(input, command, interruption.signal, screen));
    process.stderr.write(misuseText(input, 'run'));
    return exitCode.misuse;
  } finally {
    interruption.stopListening();
  }
}

async function runOn(
  input: Input,
  command: RunCommand,
  signal: AbortSignal,
  screen: Screen,
): Promise<number> {
  const { backend, workers, batch, concurrency = batch } = command;
  const name = readTaskName(command.task, process.cwd(), isFile);
  const manager = new LeasedExecutorManager({ backend, workersPerPool: workers });
  const grinder = new WorkGrinder({
    executorManager: manager,
    batchSizeThreshold: Math.min(batch, concurrency),
  });
  try {
    await manager.start();
    await grinder.start();
    const finding = await examine(grinder, name);
    if (finding.status !== 'found') {
      process.stderr.write(diagnosisText(diagnose(command.task, name, finding)));
      return exitCode.brokeOff;
    }
    const { failed } = await new Run(command, finding.task, grinder, input, signal, screen).untilEnd();
    return failed > 0 ? exitCode.someFailed : exitCode.ok;
  } finally {
    input.stream.destroy();
    await grinder.stop({ cancelPending: true });
    await manager.stop({ timeoutSeconds: 0 });
  }
}

/** What stands on the terminal of stderr. */
interface Screen {
  progress: Progress;
}

interface Input {
  readonly stream: Readable;
  readonly bytes: number | undefined;
}

/** @returns what is wrong with the arguments, when it is a text. @throws when the file cannot be read */
async function openInput(
  { input, output, errors }: RunCommand,
  signal: AbortSignal,
): Promise<Input | string> {
  if (input === undefined) return { stream: addAbortSignal(signal, process.stdin), bytes: undefined };
  const file = await open(input);
  const { size, dev, ino } = await file.stat();
  for (const [option, path] of Object.entries({ output, errors })) {
    const other = path === undefined ? undefined : await stat(path).catch(() => undefined);
    if (other?.dev === dev && other.ino === ino) {
      await file.close();
      return `--${option} is the input, and writing it would end what is to be read`;
    }
  }
  // A pipe or a device has no size.
  return { stream: addAbortSignal(signal, file.createReadStream()), bytes: size === 0 ? undefined : size };
}

/** From the lines of the input to those of the output; each part takes no more than the next one takes. */
class Run {
  readonly #command: RunCommand;
  readonly #task: TaskRef<readonly unknown[]>;
  readonly #grinder: WorkGrinder;
  readonly #input: Input;
  readonly #signal: AbortSignal;
  readonly #tally: Tally = { lines: 0, failed: 0, bytes: 0 };
  readonly #output: Writable;
  readonly #errors: Writable;
  readonly #screen: Screen;

  constructor(
    command: RunCommand,
    task: TaskRef<readonly unknown[]>,
    grinder: WorkGrinder,
    input: Input,
    signal: AbortSignal,
    screen: Screen,
  ) {
    this.#command = command;
    this.#task = task;
    this.#grinder = grinder;
    this.#input = input;
    this.#signal = signal;
    this.#screen = screen;
    this.#output = command.output === undefined ? process.stdout : createWriteStream(command.output);
    this.#errors = command.errors === undefined ? process.stderr : createWriteStream(command.errors);
  }

  async untilEnd(): Promise<Readonly<Tally>> {
    const { showsProgress, isOrdered, concurrency, timeoutSeconds, errors, output } = this.#command;
    // Results that go to a terminal would be written into the bar.
    const isSeen = this.#output === process.stdout && process.stdout.isTTY;
    if (showsProgress && process.stderr.isTTY && !isSeen) {
      const onMissing = (): void => say('npm install cli-progress for a progress bar, or --no-progress');
      this.#screen.progress = await showProgress(process.stderr, this.#input.bytes, onMissing);
    }
    try {
      await pipeline(
        () => this.#jobs(),
        (jobs: AsyncIterable<LineJob>, pipe?: { readonly signal: AbortSignal }) =>
          this.#grinder.map(jobs, this.#task, {
            signal: pipe?.signal,
            settled: true,
            ordered: isOrdered,
            concurrency,
            timeoutSeconds,
            args: ({ args }: LineJob) => args,
          }),
        (outcomes: AsyncIterable<MapOutcome<LineJob, unknown>>) => this.#results(outcomes),
        this.#output,
        { end: output !== undefined },
      );
    } finally {
      this.#screen.progress.end();
      this.#screen.progress = noProgress;
      if (errors !== undefined) await new Promise<void>((resolve) => this.#errors.end(resolve));
    }
    const { lines, failed } = this.#tally;
    if (failed > 0 && errors !== undefined) say(`${failed} of ${lines} lines failed: see ${errors}`);
    return this.#tally;
  }

  async *#jobs(): AsyncGenerator<LineJob, void> {
    for await (const line of readLines(this.#input.stream, { mostBytes, signal: this.#signal })) {
      const job = readJob(line, this.#command.isSpread);
      if (job === undefined) this.#tally.bytes += line.bytes;
      else if ('args' in job) yield job;
      else await this.#done(line.bytes, job);
    }
  }

  async *#results(outcomes: AsyncIterable<MapOutcome<LineJob, unknown>>): AsyncGenerator<string, void> {
    for await (const outcome of outcomes) {
      const { line, bytes } = outcome.element;
      const result =
        outcome.status === 'fulfilled'
          ? resultLine(outcome.value, line, this.#command.isNumbered)
          : failure(line, outcome.reason);
      await this.#done(bytes, typeof result === 'string' ? undefined : result);
      if (typeof result === 'string') yield result;
    }
  }

  async #done(bytes: number, failed: Failure | undefined): Promise<void> {
    this.#tally.lines++;
    this.#tally.bytes += bytes;
    if (failed !== undefined) {
      this.#tally.failed++;
      const clear = this.#errors === process.stderr ? this.#screen.progress.clear : '';
      await written(this.#errors, clear + failureLine(failed));
    }
    this.#screen.progress.show(this.#tally);
  }
}

/** @throws what fails every line that comes */
function failure(line: number, reason: unknown): Failure {
  if (isOfLibrary(reason) && forEveryLine.has(reason.code)) throw reason;
  return failureOf(line, reason);
}

const forEveryLine: ReadonlySet<string> = new Set([
  'ERR_LEASEPOOL_BROKEN_EXECUTOR',
  'ERR_LEASEPOOL_NOT_STARTED',
]);

function written(stream: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

export function say(text: string): void {
  process.stderr.write(`leasepool: ${text}\n`);
}
