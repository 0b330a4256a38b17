import { statSync } from 'node:fs';
import { LeasedExecutorManager, WorkGrinder } from '../index.ts';
import type { DoctorCommand } from './command.ts';
import { diagnose, diagnosisText } from './diagnosis.ts';
import { examine } from './examination.ts';
import { exitCode } from './exit-code.ts';
import { readTaskName } from './task-name.ts';

/** Tells on stdout whether a task can run in a worker. @returns the exit code */
export async function doctor({ task, backend }: DoctorCommand): Promise<number> {
  const name = readTaskName(task, process.cwd(), isFile);
  const manager = new LeasedExecutorManager({ backend, workersPerPool: 1 });
  const grinder = new WorkGrinder({ executorManager: manager, batchSizeThreshold: 1 });
  await manager.start();
  await grinder.start();
  try {
    const diagnosis = diagnose(task, name, await examine(grinder, name));
    process.stdout.write(diagnosisText(diagnosis));
    return diagnosis.isWell ? exitCode.ok : exitCode.brokeOff;
  } finally {
    await grinder.stop({ cancelPending: true });
    await manager.stop({ timeoutSeconds: 0 });
  }
}

export const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;
