import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

class OrderError extends Error {
  override readonly name = 'OrderError';
  readonly code = 'E_ORDER';
  readonly order = { id: 7, lines: ['a', 'b'] };
}

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

function circle(): unknown {
  const here: Record<string, unknown> = { big: 10n };
  here['again'] = here;
  return here;
}

interface Noted {
  readonly file: string;
  readonly entry: number;
  readonly ms?: number;
}

/** What the workers of every pool can run. Each takes one argument. */
export const jobs = {
  echo: (value: unknown) => value,
  async echoLater(value: unknown) {
    await delay(20);
    return value;
  },
  isCalled: (value: { readonly call: () => unknown }) => typeof value.call,
  /** Writes that it has begun, works, and gives its entry back. */
  note({ file, entry, ms = 0 }: Noted) {
    appendFileSync(file, `${entry}\n`);
    block(ms);
    return entry;
  },
  tick(file: string) {
    setInterval(() => appendFileSync(file, 'tick\n'), 10).unref();
  },
  /** Blocks its worker without work. */
  sleep: (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
  endless() {
    for (;;);
  },
  hoard() {
    const hoarded: unknown[] = [];
    for (;;) hoarded.push(Array.from({ length: 100 }, (_, index) => ({ index })));
  },

  exit: (code: number) => process.exit(code),
  /** Every fourth one exits. */
  exitSometimes(index: number) {
    if (index % 4 === 3) process.exit(1);
    return index;
  },
  rejectUnhandled() {
    void Promise.reject(new TypeError('nobody waits for it'));
    return new Promise(() => {});
  },
  /** Returns, and throws afterwards. */
  throwLater() {
    setTimeout(() => {
      throw new TypeError('thrown after the task');
    }, 30);
    return 'returned';
  },

  throwNull() {
    throw null;
  },
  throwUndefined() {
    throw undefined;
  },
  throwText() {
    throw 'just text';
  },
  throwOrder() {
    throw Object.assign(new OrderError('no such order', { cause: new RangeError('7 of 5') }));
  },
  throwSeveral() {
    throw new AggregateError([new TypeError('first'), new RangeError('second')], 'several');
  },
  throwWithFunction() {
    throw Object.assign(new TypeError('carries a function'), { callback: () => {} });
  },
  throwCircle() {
    throw Object.assign(new TypeError('goes in circles'), { circle: circle() });
  },
  giveFunction: () => ({ headers: { transform: () => {} } }),
  async giveFunctionLater() {
    await delay(10);
    return () => {};
  },
};

export type Jobs = Readonly<Record<string, (arg: any) => unknown>>;
