// Tasks that tell on which host they ran.
import { appendFileSync, existsSync } from 'node:fs';
import { defineTasks } from 'leasepool';

const asleep = new Int32Array(new SharedArrayBuffer(4));

function sleep(ms) {
  Atomics.wait(asleep, 0, 0, ms);
}

export const tasks = defineTasks(import.meta.url, {
  /** Says that it begins, waits at the gate, and returns the host it is on. */
  hold(ledger, entry, gate) {
    appendFileSync(ledger, `${entry} ${process.pid}\n`);
    while (!existsSync(gate)) sleep(2);
    return process.pid;
  },
  /** Ends its host when it is the victim. */
  killHost(ledger, entry, victim) {
    appendFileSync(ledger, `${entry}\n`);
    if (entry !== victim) return entry;
    process.kill(process.pid, 'SIGKILL');
    for (;;) sleep(1000);
  },
  /** Takes a while. */
  busy(ledger, entry, ms) {
    appendFileSync(ledger, `begin ${entry}\n`);
    sleep(ms);
    appendFileSync(ledger, `end ${entry}\n`);
    return entry;
  },
  bytes: (length) => new Uint8Array(length),
  lengthOf: (value) => value.length,
  exit: () => process.exit(3),
  where: () => process.pid,
});
