import inspector from 'node:inspector';
import { defineTasks } from 'leasepool';

/** What of a CPU profile is looked at. */
export interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const session = new inspector.Session();
let isConnected = false;

const post = (method: string, params?: object): Promise<unknown> =>
  new Promise((resolve, reject) =>
    session.post(method, params, (error, result) => (error === null ? resolve(result) : reject(error))),
  );

/** Profiles the worker that runs these jobs. */
export const profiler = defineTasks(import.meta.url, {
  async start(): Promise<void> {
    if (!isConnected) session.connect();
    isConnected = true;
    await post('Profiler.enable');
    await post('Profiler.setSamplingInterval', { interval: 200 });
    await post('Profiler.start');
  },
  async stop(): Promise<Profile> {
    const { profile } = (await post('Profiler.stop')) as { profile: Profile };
    return profile;
  },
});
