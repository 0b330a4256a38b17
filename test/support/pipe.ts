import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export interface Pipe {
  readonly path: string;
  /** Whoever reads it has read all. */
  free(): void;
}

/** A pipe in the file system: whoever reads it synchronously is in a native call until it is freed. */
export function makePipe(): Pipe {
  const folder = mkdtempSync(join(tmpdir(), 'leasepool-'));
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const free = (): void => closeSync(openSync(path, constants.O_RDWR | constants.O_NONBLOCK));
  onTestFinished(() => {
    free();
    rmSync(folder, { recursive: true, force: true });
  });
  return { path, free };
}
