import { inspect, styleText } from 'node:util';
import type { Finding } from './examination.ts';
import type { TaskName } from './task-name.ts';

/** A finding in words: one line that says it all, then what it rests on. Pure. */
export interface Diagnosis {
  readonly isWell: boolean;
  readonly verdict: string;
  readonly details: readonly (readonly [label: string, text: string])[];
}

/** @param written the task as it was written */
export function diagnose(written: string, { module, name }: TaskName, finding: Finding): Diagnosis {
  const what = [
    ['module', finding.status === 'broken' ? module : finding.task.module],
    ['task', name],
  ] as const;
  if (finding.status === 'broken') {
    const { error } = finding;
    return {
      isWell: false,
      verdict: `${written} cannot run in a worker: its module does not load`,
      details: [...what, ...errorDetails(error), ['fix', fixFor(error)]],
    };
  }
  const tasks = ['tasks', finding.taskNames.join(', ') || 'none'] as const;
  if (finding.status === 'found')
    return { isWell: true, verdict: `${written} can run in a worker`, details: [...what, tasks] };
  return {
    isWell: false,
    verdict: `${written} cannot run in a worker: its module loads, but has no task '${name}'`,
    details: [...what, tasks, ['fix', fixForName(name, finding.taskNames)]],
  };
}

/** What went wrong and why, one line for each cause. */
function errorDetails(error: unknown): [string, string][] {
  const details: [string, string][] = [];
  let each = error;
  for (let depth = 0; each instanceof Error && depth < mostCauses; depth++) {
    const { code } = each as NodeJS.ErrnoException;
    details.push([depth === 0 ? 'error' : 'cause', `${code ?? each.name}: ${each.message}`]);
    each = each.cause;
  }
  if (each !== undefined && !(each instanceof Error)) details.push(['cause', inspect(each)]);
  return details;
}

const mostCauses = 5;

const isCode = (error: unknown, code: string): boolean =>
  typeof error === 'object' && error !== null && (error as { code?: unknown }).code === code;

function fixFor(error: unknown): string {
  const cause = (error as { cause?: unknown } | null)?.cause;
  if (isCode(cause, 'ERR_LEASEPOOL_IMPORT_REENTRY'))
    return 'put the tasks into a module of their own, which starts no manager when it is imported';
  if (isCode(cause, 'ERR_MODULE_NOT_FOUND') || isCode(cause, 'MODULE_NOT_FOUND'))
    return 'install what it imports, or correct the path; a file of your own begins with ./';
  if (isCode(error, 'ERR_LEASEPOOL_TASK_MODULE') && cause === undefined)
    return 'correct the path; it counts from the working directory';
  if (isCode(error, 'ERR_LEASEPOOL_TASK_MODULE'))
    return 'make the module load by itself (node MODULE): a worker does nothing but import it';
  return 'see the error';
}

function fixForName(name: string, taskNames: readonly string[]): string {
  const near = taskNames.find((other) => other.toLowerCase() === name.toLowerCase());
  if (near !== undefined) return `it is called '${near}'`;
  if (name === 'default' && taskNames.length > 0) return `say which task: module#${taskNames[0]!}`;
  return 'export the function, or name it in defineTasks()';
}

/** @param style colours words, where they can be shown */
export function diagnosisText(
  { isWell, verdict, details }: Diagnosis,
  style: typeof styleText = styleText,
): string {
  const mark = isWell ? style('green', '✔') : style('red', '✘');
  const rows = details.map(([label, text]) => `  ${style('dim', label.padEnd(7))} ${text}\n`);
  return `${mark} ${verdict}\n\n${rows.join('')}`;
}
