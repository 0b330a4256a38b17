import { constants } from 'node:os';

/** How the command ends, for whoever called it. Documented in docs/command-line.md. */
export const exitCode = {
  ok: 0,
  brokeOff: 1,
  misuse: 2,
  someFailed: 3,
  /** As of other commands that a closed pipe has ended: 128 and SIGPIPE. */
  unread: 141,
} as const;

export const exitCodeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];
