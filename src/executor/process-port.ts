import { type ChildProcess, fork, type ForkOptions } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, rmdirSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { systemClock, type Timer } from '../core/clock.ts';
import { withoutPrototype } from '../core/without-prototype.ts';
import { decodeThrow, encodeErrors } from '../wire/error-codec.ts';
import { frameToBytes } from '../wire/frame-bytes.ts';
import { FrameReader } from '../wire/frame-stream.ts';
import {
  type WorkerInit,
  type FatalFrame,
  hasField,
  type HostFrame,
  type WorkerFrame,
} from '../wire/frame.ts';
import { HostProgressFile } from '../wire/progress-file.ts';
import { assertTravels, toBytes } from '../wire/serialize.ts';
import { markEnvironment } from '../task/worker-state.ts';
import type { WorkerSettings } from './executor.ts';
import { settingsForProcess } from './inherited-flags.ts';
import type { Spawn } from './port.ts';
import { Error, Math, Object, process, URL } from '../core/globals.ts';

/** How long the last answers of a process may take to arrive once it has exited. */
const lastResultsMs = 500;
/** How long a process that can be told nothing any more may take to end. */
const disconnectedMs = 1_000;

/**
 * A child process. It gets its frames over Node's channel, and writes its answers to a pipe synchronously: what has
 * been written arrives whatever happens to the process next.
 */
export const spawnProcess: Spawn = ({ name, asyncTasks, preload, workerData, workerOptions }, events) => {
  const boot: WorkerInit = { asyncTasks, preload, workerData: encodeErrors([workerData]) };
  const firstMessage = toBytes({ name, parent: process.pid, boot });
  const { progressFd, progress, child } = startChild(workerOptions);
  let hasEnded = false;
  /** Runs out when the last answers, or the end, have been waited for long enough. */
  let overdue: Timer | undefined;
  const end = (exitCode: number | null, signal: string | null): void => {
    if (hasEnded) return;
    hasEnded = true;
    overdue?.cancel();
    answers?.destroy();
    try {
      events.exit(exitCode ?? undefined, signal ?? undefined);
    } finally {
      closeSync(progressFd);
    }
  };
  const kill = (): void => void child.kill('SIGKILL');
  const send = (bytes: Buffer): void => {
    if (child.connected) child.send(bytes, ignore);
    // It has closed its channel. As a rule it ends for that; nothing is heard of it that could be waited for.
    else overdue ??= systemClock.setTimer(kill, disconnectedMs);
  };
  child.on('error', (error) => {
    events.failed(error);
    if (child.pid === undefined) end(null, null);
  });
  // Without a free descriptor there is a child that has nothing; its error follows.
  const answers = child.stdio?.[4] as ResultStream | undefined;
  const reader = new FrameReader(
    (frame) => receive(frame as WorkerFrame | FatalFrame),
    (error) => events.unreadable(error),
  );
  const receive = (frame: WorkerFrame | FatalFrame): void => {
    if (hasField(frame, 'dying')) events.failed(decodeThrow(frame.dying));
    else events.frame(frame);
  };
  answers?.on('data', (bytes: Buffer) => reader.push(bytes));
  answers?.on('error', () => {}); // The child's end is gone; its exit follows.
  child.on('exit', (exitCode, signal) => {
    if (answers === undefined || answers.readableEnded) return end(exitCode, signal);
    answers.once('end', () => end(exitCode, signal));
    // Something that a job started may hold the pipe open.
    overdue?.cancel();
    overdue = systemClock.setTimer(() => end(exitCode, signal), lastResultsMs);
  });
  if (child.connected) child.send(firstMessage, ignore);

  return {
    progress,
    cloneTest: assertTravels,
    post: (frame) => send(frameToBytes(frame)),
    keepAlive: (on) => {
      for (const handle of [child, child.channel, answers]) {
        if (on) handle?.ref();
        else handle?.unref();
      }
    },
    end: () => send(toBytes({ end: true } satisfies HostFrame)),
    kill,
  };
};

type ResultStream = Readable & { ref(): void; unref(): void };

/** A child that is gone takes no message; its exit settles what it had. */
const ignore = (): void => {};

interface Started {
  readonly progressFd: number;
  readonly progress: HostProgressFile;
  readonly child: ChildProcess;
}

/** The child last: what cannot be had is missed before there is one. @throws then, and leaves nothing behind */
function startChild(options: WorkerSettings | undefined): Started {
  const progressFd = openUnlinked();
  try {
    const progress = new HostProgressFile(progressFd);
    return { progressFd, progress, child: forkWorker(progressFd, options) };
  } catch (error) {
    closeSync(progressFd);
    throw error;
  }
}

function forkWorker(progressFd: number, options: WorkerSettings | undefined): ChildProcess {
  const { execArgv, env } = settingsForProcess(options);
  markEnvironment(env);
  const settings: ForkOptions = {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe', progressFd],
    execArgv: [...execArgv, ...limitFlags(options?.resourceLimits)],
    env,
  };
  return fork(entryFile(), [], withoutPrototype(settings));
}

/** Looked for here, because a child without it would tell its own stderr only. */
function entryFile(): string {
  const path = fileURLToPath(new URL('../worker/entry-process.js', import.meta.url));
  if (existsSync(path)) return path;
  throw Object.assign(new Error(`Cannot find module '${path}'`), { code: 'MODULE_NOT_FOUND' });
}

function limitFlags(limits: WorkerSettings['resourceLimits']): string[] {
  const flags: string[] = [];
  if (limits?.maxOldGenerationSizeMb !== undefined)
    flags.push(`--max-old-space-size=${limits.maxOldGenerationSizeMb}`);
  if (limits?.maxYoungGenerationSizeMb !== undefined)
    flags.push(`--max-semi-space-size=${limits.maxYoungGenerationSizeMb}`);
  if (limits?.stackSizeMb !== undefined) flags.push(`--stack-size=${Math.floor(limits.stackSizeMb * 1024)}`);
  return flags;
}

/** A file that has no name any more: it goes when both processes have closed it. @throws when it cannot be made; then nothing of it is left */
function openUnlinked(): number {
  const folder = mkdtempSync(join(tmpdir(), 'leasepool-'));
  const path = join(folder, 'progress');
  try {
    const fd = openSync(path, 'wx+');
    unlinkSync(path);
    return fd;
  } finally {
    rmdirSync(folder); // Not `rmSync()`, which needs a descriptor: there may be none left.
  }
}
