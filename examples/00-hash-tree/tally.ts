import type { HashedFile } from '../00-hash-tree-tasks.ts';

const isFileTrouble = /^E[A-Z0-9]+$/;

/** Adds up what came back. */
export class Tally {
  files = 0;
  bytes = 0;
  gzipBytes = 0;
  readonly contents = new Set<string>();
  /** Files that could not be read, by error code. */
  readonly missed = new Map<string, number>();

  add(hashed: HashedFile): void {
    this.files += 1;
    this.bytes += hashed.bytes;
    this.gzipBytes += hashed.gzipBytes;
    this.contents.add(hashed.sha256);
  }

  /** Counts a file that vanished or cannot be read; any other error is thrown on. */
  miss(error: unknown): void {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (!isFileTrouble.test(code)) throw error;
    this.missed.set(code, (this.missed.get(code) ?? 0) + 1);
  }
}
