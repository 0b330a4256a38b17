import './virtual-globals.ts';
import type { Coverage } from './coverage.ts';
import { GrinderLaws } from './laws/grinder.ts';
import { Leases } from './laws/leases.ts';
import { checkBlame, checkOutcome } from './laws/outcome.ts';
import { checkPools, checkStarts } from './laws/pools.ts';
import { checkRest, checkWaits, RoomLaws } from './laws/waits.ts';
import type { Command, Ending, Program } from './program.ts';
import type { Violation } from './scene.ts';
import { Users } from './users.ts';
import { World } from './world.ts';

/** What a run has shown. */
export interface Report {
  /** The first promise that was not kept. */
  readonly violation: Violation | undefined;
  /** Of all that happened in it, in its order. */
  readonly digest: number;
  readonly coverage: Coverage;
  readonly events: number;
  readonly faults: number;
  readonly deeds: number;
  readonly items: number;
  readonly trace: readonly string[] | undefined;
}

/** Once the faults are over, everything must settle within this time, and within so many events. */
const patienceMs = 600_000;
const mostEvents = 50_000;

class Run {
  readonly #program: Program;
  readonly #world: World;
  readonly #users: Users;
  readonly #leases: Leases;
  readonly #grinderLaws: GrinderLaws;
  readonly #roomLaws: RoomLaws;
  /** Commands that ride on the next turn. */
  #riders: Command[] = [];
  #areCommandsOver = false;

  constructor(program: Program, keepsTrace: boolean) {
    this.#program = program;
    const world = new World(program, keepsTrace);
    this.#world = world;
    this.#users = new Users(world);
    this.#leases = new Leases(world, this.#users);
    this.#grinderLaws = new GrinderLaws(world, this.#leases);
    this.#roomLaws = new RoomLaws(world, this.#users);
    world.observer = {
      sending: (pool, items) => {
        if (items[0]?.isGrinders === true) this.#grinderLaws.sending(pool, items);
      },
      closing: (pool) => this.#leases.closing(pool),
      workerStarted: (poolName) => checkStarts(world, poolName),
    };
    world.items.onSettled = (item) => {
      this.#grinderLaws.count(item);
      checkOutcome(item, world);
      this.#users.react();
    };
    world.scene.onTurn = () => this.#ride();
  }

  async result(): Promise<Report> {
    const { scene, items } = this.#world;
    const onRejection = (reason: unknown): void =>
      scene.violate('S9 no rejection is left unhandled', String(reason), reason);
    process.on('unhandledRejection', onRejection);
    try {
      this.#planCommands();
      await this.#until(() => this.#areCommandsOver, Infinity);
      this.#world.heal();
      await this.#end(this.#program.ending);
      if (scene.violation === undefined) checkRest(this.#world, this.#users);
    } finally {
      process.off('unhandledRejection', onRejection);
    }
    return {
      violation: scene.violation,
      digest: scene.digest,
      coverage: scene.coverage,
      events: scene.time.events,
      faults: scene.struck + scene.time.struck,
      deeds: this.#users.deeds,
      items: items.all.length,
      trace: scene.trace,
    };
  }

  #planCommands(): void {
    const { time, chance } = this.#world.scene;
    let at = time.now;
    time.plan('user', at, 'start', () => this.#users.start());
    if (chance.draw('start first') < 0.9) at++;
    for (const command of this.#program.commands) {
      at += command.afterMs;
      time.plan('user', at, command.deed.do, () => {
        if (command.hops === 0) this.#users.carryOut(command.deed);
        else this.#riders.push(command);
      });
    }
    time.plan('user', at + 30, 'the commands are over', () => (this.#areCommandsOver = true));
  }

  #ride(): void {
    const riders = this.#riders;
    if (riders.length === 0) return;
    this.#riders = [];
    for (const { hops, deed } of riders) void this.#hop(hops).then(() => this.#users.carryOut(deed));
  }

  async #hop(hops: number): Promise<void> {
    for (let hop = 0; hop < hops; hop++) await Promise.resolve();
  }

  get #isSound(): boolean {
    return this.#world.scene.violation === undefined;
  }

  async #end(ending: Ending): Promise<void> {
    const users = this.#users;
    const isSettled = (): boolean => !users.isWaiting;
    users.mayRestart = ending === 'settle';
    if (ending === 'settle') {
      await this.#until(isSettled, patienceMs);
      await this.#rest();
      users.mayRestart = false;
    }
    if (ending === 'manager first') {
      users.stopManager(1000, false);
      await this.#until(isSettled, patienceMs);
    }
    const { pools, workers, grinder, manager } = this.#world;
    // A start() that waited for an earlier stop comes behind this one.
    do {
      users.stopGrinder(ending === 'cancel', null, false);
      await this.#until(isSettled, patienceMs);
    } while (this.#isSound && grinder.stats().started);
    do {
      users.stopManager(ending === 'cancel' ? 0 : 1000, false);
      await this.#until(isSettled, patienceMs);
    } while (this.#isSound && manager.stats().started);
    const isOver = (): boolean =>
      pools.every(({ state }) => state === 'closed') && workers.every(({ state }) => state === 'gone');
    await this.#until(isOver, patienceMs);
  }

  /** Nobody wants anything: the pools go back to the number desired. */
  async #rest(): Promise<void> {
    const { manager, scene, plan } = this.#world;
    const { started } = manager.stats();
    const isAtRest = (): boolean => {
      const { available, total, desired, waiting } = manager.stats();
      return available === desired && total === desired && waiting === 0;
    };
    if (started) await this.#until(isAtRest, patienceMs);
    if (scene.violation === undefined && started && plan.backend === 'workers') scene.saw('pools at rest');
  }

  async #until(isDone: () => boolean, withinMs: number): Promise<void> {
    const { scene } = this.#world;
    const { time } = scene;
    const deadline = time.now + withinMs;
    const lastEvent = time.events + mostEvents;
    await turn();
    this.#check();
    while (scene.violation === undefined && !isDone()) {
      if (time.now > deadline || time.events > lastEvent || !time.step()) {
        scene.violate('everything settles once the faults are over', this.#whatWaits());
        return;
      }
      await turn();
      this.#check();
    }
  }

  #check(): void {
    const world = this.#world;
    world.scene.time.endTurn();
    if (world.scene.violation !== undefined) return;
    const grinder = world.grinder.stats();
    const manager = world.manager.stats();
    this.#leases.check(manager);
    checkPools(world);
    this.#grinderLaws.check(grinder, manager);
    this.#roomLaws.check(grinder);
    checkWaits(world, this.#users, grinder, manager);
    for (const worker of world.workers) {
      if (worker.state !== 'gone' || worker.isAccountedFor) continue;
      worker.isAccountedFor = true;
      checkBlame(worker.lost, world);
    }
  }

  #whatWaits(): string {
    const { items, grinder, manager } = this.#world;
    const open = [...items.open].map(({ id }) => id).join();
    return `open items: ${open}; ${JSON.stringify(grinder.stats())}; ${JSON.stringify(manager.stats())}`;
  }
}

/** The end of a turn: all microtasks and ticks have run. */
function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

export function run(program: Program, { keepsTrace = false } = {}): Promise<Report> {
  return new Run(program, keepsTrace).result();
}
