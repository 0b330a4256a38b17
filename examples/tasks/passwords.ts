import { pbkdf2Sync } from 'node:crypto';
import { defineTasks } from 'leasepool';

export const { derive } = defineTasks(import.meta.url, {
  /** Some 20 ms of computing, on purpose. */
  derive: (password: string): string =>
    pbkdf2Sync(password, 'a salt', 50_000, 32, 'sha256').toString('base64url'),
});
