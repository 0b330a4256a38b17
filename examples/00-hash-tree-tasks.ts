import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { defineTasks } from 'leasepool';

export interface HashedFile {
  readonly bytes: number;
  readonly gzipBytes: number;
  readonly sha256: string;
}

/** A worker holds one file in memory at a time. */
const largestBytes = 256 * 1024 * 1024;

export const { hashFile } = defineTasks(import.meta.url, {
  hashFile: (path: string): HashedFile => {
    if (statSync(path).size > largestBytes) {
      throw Object.assign(new Error(`${path} is not a small job`), { code: 'EFBIG' });
    }
    const content = readFileSync(path);
    return {
      bytes: content.length,
      gzipBytes: gzipSync(content).length,
      sha256: createHash('sha256').update(content).digest('hex'),
    };
  },
});
