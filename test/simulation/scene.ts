import { Chance, hashOf } from './chance.ts';
import { Coverage } from './coverage.ts';
import type { FaultPlan, Program } from './program.ts';
import { VirtualTime } from './virtual-time.ts';

/** A promise that was not kept. */
export class Violation extends Error {
  /** Which one: the rows of the semantics it is about, and what they say. */
  readonly law: string;

  constructor(law: string, what: string, cause?: unknown) {
    super(`${law}: ${what}`, cause === undefined ? undefined : { cause });
    this.law = law;
  }
}

const calm: FaultPlan = {
  start: 0,
  end: 0,
  load: 0,
  death: 0,
  deaf: 0,
  slow: 0,
  timers: 0,
  interject: 0,
  submit: 0,
};

/** What everything in a run shares: time, luck, faults, and a record of what happened. */
export class Scene {
  readonly chance: Chance;
  readonly time: VirtualTime;
  readonly coverage = new Coverage();
  faults: FaultPlan;
  /** Faults that came to pass: of the plan, of jobs, of users. */
  struck = 0;
  /** The faults are over. */
  isCalm = false;
  /** The first promise not kept. */
  violation: Violation | undefined;
  /** A turn of the owning thread begins. */
  onTurn: () => void = () => {};
  /** Of all that happened, in its order. */
  digest = 0x811c9dc5;
  /** What happened, when somebody wants to read it. */
  readonly trace: string[] | undefined;

  constructor(program: Program, keepsTrace: boolean) {
    this.chance = new Chance(program.luck);
    this.faults = program.faults;
    this.trace = keepsTrace ? [] : undefined;
    this.time = new VirtualTime(
      this.chance,
      (error) => this.violate('no error escapes into a turn', String(error), error),
      ({ place, label }) => {
        this.note(label);
        if (place !== 'worker') this.onTurn();
      },
    );
    this.#setTimes();
  }

  /** From here on everything goes well. */
  endFaults(): void {
    this.isCalm = true;
    this.faults = calm;
    this.#setTimes();
  }

  /** Whether a fault happens now. @param purpose where a fault of one name happens in several ways */
  fails(fault: keyof FaultPlan, purpose: string = fault): boolean {
    const fails = this.chance.happens(purpose, this.faults[fault] ?? 0);
    if (fails) this.struck++;
    return fails;
  }

  note(what: string): void {
    const line = `${this.time.now - 1_000_000} ${what}`;
    this.digest = hashOf(line, this.digest);
    this.trace?.push(line);
  }

  saw(what: string): void {
    this.coverage.saw(what);
  }

  violate(law: string, what: string, cause?: unknown): void {
    this.note(`VIOLATED ${law}: ${what}`);
    this.violation ??= new Violation(law, what, cause);
  }

  #setTimes(): void {
    const { timers, interject } = this.faults;
    this.time.timerFaults = { lateRate: timers, lateMs: 3, earlyRate: timers };
    this.time.interjectRate = interject;
  }
}
