import { type TaskRef, taskRef, TaskReferenceError, type WorkGrinder } from '../index.ts';
import type { TaskName } from './task-name.ts';

/** What a worker finds when it looks for a task. */
export type Finding =
  | {
      readonly status: 'found' | 'missing';
      readonly task: TaskRef<readonly unknown[]>;
      /** Those that the module has. */
      readonly taskNames: readonly string[];
    }
  /** Its module is not there, or does not load. */
  | { readonly status: 'broken'; readonly error: unknown };

/** Loads the module in a worker, as a job would, and runs nothing of it: the task that is asked for is not there. */
export async function examine(grinder: WorkGrinder, { module, name }: TaskName): Promise<Finding> {
  try {
    const task: TaskRef<readonly unknown[]> = taskRef(module, name);
    const taskNames = await namesIn(task, grinder);
    return { status: taskNames.includes(name) ? 'found' : 'missing', task, taskNames };
  } catch (error) {
    return { status: 'broken', error };
  }
}

async function namesIn({ module, name }: TaskRef, grinder: WorkGrinder): Promise<readonly string[]> {
  try {
    await grinder.submit({ module, name: `${name} (looked up, not run)` });
  } catch (error) {
    if (error instanceof TaskReferenceError && error.taskNames !== undefined) return error.taskNames;
    throw error;
  }
  throw new Error(`${module} has a task for every name`);
}
