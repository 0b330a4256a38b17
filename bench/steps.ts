// What does one small job cost, step by step, on the main thread and on a worker (one number in, one out, one worker)?
import inspector from 'node:inspector';
import { openGrinder } from './grinders.ts';
import { count, report } from './harness.ts';
import { throughput } from './throughput.ts';
import { type Profile, profiler } from './workers/profiler.ts';

const question =
  'What does one small job cost, step by step?\n' +
  '(one number in, one out, 10,000 in flight, batchSizeThreshold: 20, one worker; a share of the samples of a CPU\n' +
  'profile times the time per job)';

/** Which step the functions of a file belong to; the first that fits. */
const steps: Record<string, readonly (readonly [step: string, fits: RegExp])[]> = {
  'main thread': [
    ['the callers themselves', /bench\/|\(anonymous\) *$/],
    ['submit', /grinder\/grinder|job\/submit-options|task\/|ground\/options|job\/job\.js:(Job|keepResolve)/],
    [
      'settle',
      /job\/|executor\/slot\.js:#(settle|answered|receive)|executor\/in-flight\.js:(shift|#leave)|grinder\/stats/,
    ],
    ['clone and send', /^native:postMessage|port-thread/],
    ['frame', /wire\/|executor\/(slot|in-flight|run-limits)/],
    ['queue and dispatch', /grinder\/|lease\/|executor\/|ground\//],
    ['garbage collection', /^native:\(garbage collector\)/],
    ['receive (native) and event loop', /^native:|node:/],
  ],
  worker: [
    ['run', /bench\//],
    ['clone and send', /^native:postMessage|entry-thread/],
    ['begin, finish, answer', /worker\/|wire\//],
    ['garbage collection', /^native:\(garbage collector\)/],
    ['receive (native) and event loop', /^native:|node:/],
  ],
};

const { manager, call, stop } = await openGrinder({ workersPerPool: 1 }, { batchSizeThreshold: 20 });
const load = {
  inFlight: 10_000,
  seconds: 3,
  isRight: (result: unknown, first: number) => result === first + 1,
};
const run = { call: (value: number) => call('increment', value) };
const session = new inspector.Session();
session.connect();
const post = (method: string, params?: object): Promise<unknown> =>
  new Promise((resolve, reject) =>
    session.post(method, params, (error, result) => (error === null ? resolve(result) : reject(error))),
  );
await post('Profiler.enable');
await post('Profiler.setSamplingInterval', { interval: 200 });
const start = async (): Promise<void> => {
  await manager.withLease((lease) => lease.run(profiler.start));
  await post('Profiler.start');
};
const stopProfiles = async () => {
  const main = (await post('Profiler.stop')) as { profile: Profile };
  return { main: main.profile, worker: await manager.withLease((lease) => lease.run(profiler.stop)) };
};
// Of functions inlined while nobody profiles, the profiler does not know where they came from.
await start();
await throughput(run, { ...load, seconds: 2 });
await stopProfiles();
await start();
const { jobsPerSecond } = await throughput(run, load);
const profiles = await stopProfiles();
await stop();

const perJobNs = 1e9 / jobsPerSecond;
const table = [['', 'ns per job']];
const measured: Record<string, Record<string, number>> = {};
for (const [thread, profile] of Object.entries({ 'main thread': profiles.main, worker: profiles.worker })) {
  const shares = sharesOf(profile, steps[thread]);
  measured[thread] = {};
  for (const [step, share] of shares) {
    measured[thread][step] = share * perJobNs;
    table.push([`${thread}: ${step}`, count(share * perJobNs)]);
  }
}
report('steps', question, table, { jobsPerSecond, measured });

function sharesOf(profile: Profile, rules: (typeof steps)[string]): Map<string, number> {
  const stepOf = new Map(
    profile.nodes.map(({ id, callFrame: { functionName, url } }) => {
      const at = url === '' ? `native:${functionName}` : `${url}:${functionName}`;
      const isIdle = functionName === '(idle)';
      return [id, isIdle ? 'idle' : (rules.find(([, fits]) => fits.test(at))?.[0] ?? 'other')];
    }),
  );
  const shares = new Map<string, number>();
  let all = 0;
  profile.samples.forEach((id, i) => {
    const step = stepOf.get(id)!;
    shares.set(step, (shares.get(step) ?? 0) + profile.timeDeltas[i]);
    all += profile.timeDeltas[i];
  });
  return new Map([...shares].map(([step, us]) => [step, us / all] as const).sort(([, a], [, b]) => b - a));
}
