import { worksWith } from '../task/worker-state.ts';
import { setWorkerData } from '../task/worker-data.ts';
import { encodeThrow } from '../wire/error-codec.ts';
import { revived } from '../wire/error-envelope.ts';
import type { WorkerInit } from '../wire/frame.ts';
import type { WorkerProgress } from '../wire/progress.ts';
import { tolerateReportedImportErrors, TaskLoader } from './load.ts';
import { addPermanentListener } from './permanent-listener.ts';
import { leave } from './leave.ts';
import type { HostPort } from './outbox.ts';
import { WorkerLoop } from './worker-loop.ts';

/** Brings up a worker that has a thread or process of its own. @returns `undefined` when a module could not be preloaded */
export async function startWorkerLoop(
  port: HostPort,
  boot: WorkerInit,
  progress: WorkerProgress,
): Promise<WorkerLoop | undefined> {
  setWorkerData(revived(boot.workerData)[0]);
  tolerateReportedImportErrors();
  const loader = new TaskLoader();
  if (!(await preloadAndReport(port, () => loader.preload(boot.preload)))) return undefined;
  const { asyncTasks } = boot;
  const server = new WorkerLoop({ port, asyncTasks, progress, loader, leave: () => leave(port) });
  worksWith(() => server.runsJob);
  // The last moment of a worker that a job ends: what is finished still leaves.
  addPermanentListener('exit', () => {
    server.flushOnExit();
    port.post({ leaving: true }, []);
  });
  return server;
}

/** Preloads, and tells the host that the worker is up, or why it is not. @returns whether it is */
export async function preloadAndReport(port: HostPort, preload: () => Promise<void>): Promise<boolean> {
  try {
    await preload();
  } catch (error) {
    port.post({ up: false, thrown: encodeThrow(error) }, []);
    return false;
  }
  port.post({ up: true, thrown: undefined }, []);
  return true;
}
