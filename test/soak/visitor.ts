/** A thread of a soak that submits from outside and blocks for its results. Told `undefined` for a handle, it ends. */

import { once } from 'node:events';
import { parentPort, receiveMessageOnPort } from 'node:worker_threads';
import { connectGrinder, type GrinderThreadHandle, LeasepoolError } from 'leasepool';
import { answer } from './answer.ts';
import { jobs } from './jobs.ts';

/** What a visitor is told at each start of the grinder. */
export interface Invitation {
  readonly handle: GrinderThreadHandle;
  readonly ledger: string;
}

/** What it tells after each group of jobs. */
export interface VisitorTally {
  readonly verified: number;
  readonly refused: number;
  /** What must not be. */
  readonly wrong: readonly string[];
}

const port = parentPort!;
const mayFailWith = new Set([
  'ERR_LEASEPOOL_STOPPED',
  'ERR_LEASEPOOL_STOPPING',
  'ERR_LEASEPOOL_NOT_STARTED',
  'ERR_LEASEPOOL_WORKER_CRASHED',
  'ABORT_ERR',
]);
const groupSize = 5;

// Numbers that no other job of the soak has.
let nextId = 2 ** 40;

async function nextInvitation(): Promise<Invitation | undefined> {
  const [invitation] = (await once(port, 'message')) as [Invitation | undefined];
  return invitation;
}

/** Submits groups and blocks for them until the grinder has stopped. */
function visit({ handle, ledger }: Invitation): Invitation | undefined | 'none' {
  using grinder = connectGrinder(handle);
  for (;;) {
    const ids = Array.from({ length: groupSize }, () => nextId++);
    const futures = ids.map((id) => grinder.submitFromThread(jobs.computes, [{ ledger, id }, id]));
    let verified = 0;
    let refused = 0;
    const wrong: string[] = [];
    futures.forEach((future, index) => {
      try {
        const value = future.result({ timeoutSeconds: 180 });
        if (value === answer(ids[index])) verified++;
        else wrong.push(`visitor's job ${ids[index]}: its result is wrong`);
      } catch (error) {
        const code = error instanceof LeasepoolError ? error.code : String(error);
        if (mayFailWith.has(code)) refused++;
        else wrong.push(`visitor's job ${ids[index]}: ${code}`);
      }
    });
    port.postMessage({ verified, refused, wrong } satisfies VisitorTally);
    const told = receiveMessageOnPort(port) as { message: Invitation | undefined } | undefined;
    if (told !== undefined) return told.message;
    if (refused === groupSize) return 'none';
  }
}

let invitation = await nextInvitation();
while (invitation !== undefined) {
  let next: Invitation | undefined | 'none' = 'none';
  try {
    next = visit(invitation);
  } catch (error) {
    const isStopped = error instanceof LeasepoolError && error.code === 'ERR_LEASEPOOL_STOPPED';
    if (!isStopped) throw error;
  }
  invitation = next === 'none' ? await nextInvitation() : next;
}
