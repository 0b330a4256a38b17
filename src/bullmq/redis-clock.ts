import type { Redis } from 'ioredis';
import type { Clock, Timer } from '../backend.ts';

/** How often it is compared: clocks of machines drift by some milliseconds in this time. */
const compareMs = 60_000;

/** The clock of Redis, which all machines of a fleet share: milliseconds since 1970, right to about half a round trip. */
export class RedisClock {
  readonly #redis: Redis;
  readonly #clock: Clock;
  #offsetMs = 0;
  #timer: Timer | undefined;

  constructor(redis: Redis, clock: Clock) {
    this.#redis = redis;
    this.#clock = clock;
  }

  async start(): Promise<void> {
    await this.#compare();
    this.#compareLater();
  }

  now(): number {
    return this.#clock.now() + this.#offsetMs;
  }

  stop(): void {
    this.#timer?.cancel();
  }

  async #compare(): Promise<void> {
    const before = this.#clock.now();
    const [seconds, microseconds] = await this.#redis.time();
    const middle = (before + this.#clock.now()) / 2;
    this.#offsetMs = Number(seconds) * 1e3 + Number(microseconds) / 1e3 - middle;
  }

  #compareLater(): void {
    const again = (): void => {
      this.#compare().catch(() => {}); // Closed: the old comparison holds.
      this.#compareLater();
    };
    this.#timer = this.#clock.setTimer(again, compareMs);
    this.#timer.unref();
  }
}
