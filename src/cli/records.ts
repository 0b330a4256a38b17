import { inspect } from 'node:util';
import type { Line } from './lines.ts';

/** A line that is a job. */
export interface LineJob {
  readonly line: number;
  readonly bytes: number;
  readonly args: readonly unknown[];
}

/** A line that failed, as it is reported. */
export interface Failure {
  readonly line: number;
  readonly code: string;
  readonly message: string;
}

/** What a line asks for; `undefined` when it is blank. Pure. */
export function readJob({ number, text, bytes }: Line, isSpread: boolean): LineJob | Failure | undefined {
  if (text === undefined)
    return { line: number, code: 'LINE_TOO_LONG', message: `the line has ${bytes} bytes` };
  const json = number === 1 ? text.replace(/^\uFEFF/, '') : text;
  if (json.trim() === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    return { line: number, code: 'INVALID_JSON', message: (error as Error).message };
  }
  if (!isSpread) return { line: number, bytes, args: [value] };
  if (Array.isArray(value)) return { line: number, bytes, args: value as unknown[] };
  return { line: number, code: 'NOT_AN_ARRAY', message: 'with --spread each line is an array of arguments' };
}

/** The line that tells a result. What JSON has no word for (`undefined`, a function) is `null`. */
export function resultLine(value: unknown, line: number, isNumbered: boolean): string | Failure {
  let json: string;
  try {
    json = JSON.stringify(value) ?? 'null';
  } catch (error) {
    return { line, code: 'RESULT_NOT_JSON', message: (error as Error).message };
  }
  return isNumbered ? `{"line":${line},"value":${json}}\n` : `${json}\n`;
}

/** Why a job failed: the code of its error, or else its name. */
export function failureOf(line: number, reason: unknown): Failure {
  if (!(reason instanceof Error))
    return { line, code: 'THROWN', message: inspect(reason, { breakLength: Infinity }) };
  const { code } = reason as { code?: unknown };
  return { line, code: typeof code === 'string' ? code : reason.name, message: reason.message };
}

export const failureLine = ({ line, code, message }: Failure): string =>
  `${JSON.stringify({ line, code, message })}\n`;
