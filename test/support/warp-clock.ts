import { type Clock, systemClock, type Timer } from '../../dist/core/clock.js';

interface Armed {
  readonly callback: () => void;
  readonly at: number;
  timer: Timer;
  isRef: boolean;
}

/** The real clock, which a test can put forward: real workers go on in real time, and only waits get shorter. */
export class WarpClock implements Clock {
  #aheadMs = 0;
  readonly #armed = new Set<Armed>();

  now(): number {
    return systemClock.now() + this.#aheadMs;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const at = this.now() + delayMs;
    const armed: Armed = {
      callback,
      at,
      isRef: true,
      timer: systemClock.setTimer(() => this.#fire(armed), delayMs),
    };
    this.#armed.add(armed);
    const setRef = (isRef: boolean): void => {
      armed.isRef = isRef;
      if (isRef) armed.timer.ref();
      else armed.timer.unref();
    };
    return {
      cancel: () => {
        this.#armed.delete(armed);
        armed.timer.cancel();
      },
      ref: () => setRef(true),
      unref: () => setRef(false),
    };
  }

  defer(callback: () => void): void {
    systemClock.defer(callback);
  }

  afterPoll(callback: () => void): void {
    systemClock.afterPoll(callback);
  }

  /** Puts the clock forward; what is due then fires in a later turn. */
  advance(ms: number): void {
    this.#aheadMs += ms;
    for (const armed of this.#armed) {
      armed.timer.cancel();
      armed.timer = systemClock.setTimer(() => this.#fire(armed), Math.max(0, armed.at - this.now()));
      if (!armed.isRef) armed.timer.unref();
    }
  }

  #fire(armed: Armed): void {
    this.#armed.delete(armed);
    armed.callback();
  }
}
