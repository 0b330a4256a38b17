import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { HostProgressFile, WorkerProgressFile } from '../../../src/wire/progress-file.ts';
import { progressTests } from './progress.cases.ts';

describe('progress in a file', () => {
  progressTests(() => {
    const folder = mkdtempSync(join(tmpdir(), 'progress-'));
    const fd = openSync(join(folder, 'progress'), 'w+');
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const host = new HostProgressFile(fd);
    return { host, worker: new WorkerProgressFile(fd), close: () => closeSync(fd) };
  });
});

test('M6 a file for which there is no room is refused', () => {
  const fd = openSync('/dev/full', 'w+');
  onTestFinished(() => closeSync(fd));
  expect(() => new HostProgressFile(fd)).toThrow('ENOSPC');
});
