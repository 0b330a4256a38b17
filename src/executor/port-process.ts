import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { systemClock, type Timer } from '../ground/clock.ts';
import { decodeThrow } from '../wire/error-codec.ts';
import { FrameReader } from '../wire/frame-stream.ts';
import type { Boot, DyingFrame, WorkerFrame } from '../wire/frame.ts';
import { HostProgressFile } from '../wire/progress-file.ts';
import { toBytes } from '../wire/serialize.ts';
import type { WorkerSettings } from './executor.ts';
import { flagsForProcess } from './inherited-flags.ts';
import type { Spawn } from './port.ts';

/** How long the last answers of a process may take to arrive once it has exited. */
const lastAnswersMs = 500;

/**
 * A child process. It gets its frames over Node's channel, and writes its answers to a pipe synchronously: what has
 * been written arrives whatever happens to the process next.
 */
export const spawnProcess: Spawn = ({ name, asyncTasks, preload, workerData, workerOptions }, events) => {
  const progressFd = openUnlinked();
  const child = forkWorker(progressFd, workerOptions);
  const progress = new HostProgressFile(progressFd);
  let hasEnded = false;
  let lastAnswers: Timer | undefined;
  const end = (exitCode: number | null, signal: string | null): void => {
    if (hasEnded) return;
    hasEnded = true;
    lastAnswers?.cancel();
    answers?.destroy();
    events.exit(exitCode ?? undefined, signal ?? undefined);
    closeSync(progressFd);
  };
  child.on('error', (error) => {
    events.failed(error);
    if (child.pid === undefined) end(null, null);
  });
  // Without a free descriptor there is a child that has nothing; its error follows.
  const answers = child.stdio?.[4] as AnswerStream | undefined;
  const reader = new FrameReader(
    (frame) => receive(frame as WorkerFrame | DyingFrame),
    (error) => events.unreadable(error),
  );
  const receive = (frame: WorkerFrame | DyingFrame): void => {
    if ('dying' in frame) events.failed(decodeThrow(frame.dying));
    else events.frame(frame);
  };
  answers?.on('data', (bytes: Buffer) => reader.push(bytes));
  answers?.on('error', () => {}); // The child's end is gone; its exit follows.
  child.on('exit', (exitCode, signal) => {
    if (answers === undefined || answers.readableEnded) return end(exitCode, signal);
    answers.once('end', () => end(exitCode, signal));
    // Something that a job started may hold the pipe open.
    lastAnswers = systemClock.setTimer(() => end(exitCode, signal), lastAnswersMs);
  });
  const boot: Boot = { asyncTasks, preload, workerData };
  if (child.connected) child.send(toBytes({ name, parent: process.pid, boot }), ignore);

  return {
    progress,
    copies: toBytes,
    post: (frame) => {
      const bytes = toBytes(frame);
      if (child.connected) child.send(bytes, ignore);
    },
    keepAlive: (on) => {
      for (const handle of [child, child.channel, answers]) {
        if (on) handle?.ref();
        else handle?.unref();
      }
    },
    kill: () => void child.kill('SIGKILL'),
  };
};

type AnswerStream = Readable & { ref(): void; unref(): void };

/** A child that is gone takes no message; its exit settles what it had. */
const ignore = (): void => {};

/** @throws when the options cannot work; the descriptor is closed then */
function forkWorker(progressFd: number, options: WorkerSettings | undefined): ChildProcess {
  try {
    return fork(entryFile(), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe', progressFd],
      execArgv: [...(options?.execArgv ?? flagsForProcess()), ...limitFlags(options?.resourceLimits)],
      ...(typeof options?.env === 'object' ? { env: options.env } : {}),
    });
  } catch (error) {
    closeSync(progressFd);
    throw error;
  }
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

/** A file that has no name any more: it goes when both processes have closed it. */
function openUnlinked(): number {
  const folder = mkdtempSync(join(tmpdir(), 'leasepool-'));
  try {
    return openSync(join(folder, 'progress'), 'w+');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
