import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LeasedExecutorManager, LeasedExecutorManagerOptions } from 'leasepool';
import { bullmqBackend, type BullmqBackendOptions } from 'leasepool/bullmq';
import { onTestFinished } from 'vitest';
import { startManager } from './manager-start.ts';
import { tasksUrl } from './tasks-url.ts';
import { until } from './until.ts';

const program = fileURLToPath(tasksUrl('fleet-host.js'));
const tasksFile = fileURLToPath(tasksUrl('fleet-tasks.js'));

export interface HostOptions {
  /** Arguments of `leasepool worker` besides those that all have. */
  readonly args?: readonly string[];
  /** A command that runs it, such as one that enters a network namespace. */
  readonly through?: readonly string[];
}

/** A host in a process of its own. */
export class HostProcess {
  readonly process: ChildProcess;
  #told = '';

  private constructor(process: ChildProcess) {
    this.process = process;
    process.stderr!.on('data', (text: Buffer) => (this.#told += String(text)));
  }

  /** Does not wait until it is up. */
  static spawn(url: string, queue: string, { args = [], through = [] }: HostOptions = {}): HostProcess {
    const own = [
      '--redis',
      url,
      '--queue',
      queue,
      '--tasks',
      tasksFile,
      '--lock-seconds',
      '1',
      '--pools',
      '1',
    ];
    const command = [...through, process.execPath, program, ...own, ...args];
    const host = new HostProcess(
      spawn(command[0], command.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] }),
    );
    onTestFinished(() => void host.process.kill('SIGKILL'));
    return host;
  }

  /** @throws when it ends before it is ready */
  static async start(url: string, queue: string, options: HostOptions = {}): Promise<HostProcess> {
    const host = HostProcess.spawn(url, queue, options);
    await until(() => host.hasTold('ready') || host.hasEnded, 'the host is ready');
    if (!host.hasTold('ready')) throw new Error(`the host ended: ${host.told}`);
    return host;
  }

  get pid(): number {
    return this.process.pid!;
  }

  get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  get told(): string {
    return this.#told;
  }

  /** The whole lines it printed, which are JSON. */
  get lines(): { message: string; [field: string]: any }[] {
    return this.#told
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { message: string });
  }

  hasTold(message: string): boolean {
    return this.lines.some((line) => line.message === message);
  }

  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  async ended(): Promise<number | null> {
    if (!this.hasEnded) await once(this.process, 'exit');
    return this.process.exitCode;
  }
}

let queues = 0;

/** A queue of the test's own. */
export function newQueue(): string {
  return `fleet-${process.pid}-${++queues}`;
}

/** A manager that has the fleet for its pools. */
export function startFleetManager(
  options: BullmqBackendOptions,
  more: LeasedExecutorManagerOptions = {},
): Promise<LeasedExecutorManager> {
  return startManager({ backend: bullmqBackend({ watchSeconds: 0.3, ...options }), ...more });
}
