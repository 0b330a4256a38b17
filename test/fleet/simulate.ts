// npm run fleet:simulate: are a thousand hosts shared by the leases that managers hold, and how long does a lost chunk take to come back?
//
// A simulation of time only: the real ledger of every lease, and a model of queue, hosts and locks. The same seed prints the same.
import { parseArgs } from 'node:util';
import { ChunkTracker, type SentChunk, type Settlement } from '../../src/bullmq/chunk-tracker.ts';
import type { ExecutorCall } from '../../src/executor/executor.ts';

const { values } = parseArgs({ options: { seed: { type: 'string', default: '1' } } });

const lockMs = 5_000;
const slotsPerHost = 2;
const workersPerSlot = 2;
const itemsPerChunk = 10;
const meanMs = 200;
const restartMs = 10_000;
const lengthMs = 60_000;

/** Seeded (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What is to happen, by time; a binary heap. */
class Agenda {
  now = 0;
  readonly #heap: { at: number; order: number; run: () => void }[] = [];
  #order = 0;

  in(ms: number, run: () => void): void {
    const heap = this.#heap;
    let place = heap.length;
    heap.push({ at: this.now + ms, order: this.#order++, run });
    for (let parent = (place - 1) >> 1; place > 0 && this.#before(place, parent); parent = (place - 1) >> 1) {
      [heap[place], heap[parent]] = [heap[parent], heap[place]];
      place = parent;
    }
  }

  runUntil(at: number): void {
    while (this.#heap.length > 0 && this.#heap[0].at <= at) {
      const next = this.#take();
      this.now = next.at;
      next.run();
    }
    this.now = at;
  }

  #take() {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    heap[0] = last;
    for (let place = 0; ;) {
      const [left, right] = [2 * place + 1, 2 * place + 2];
      let least = place;
      if (left < heap.length && this.#before(left, least)) least = left;
      if (right < heap.length && this.#before(right, least)) least = right;
      if (least === place) return first;
      [heap[place], heap[least]] = [heap[least], heap[place]];
      place = least;
    }
  }

  #before(a: number, b: number): boolean {
    const [left, right] = [this.#heap[a], this.#heap[b]];
    return left.at < right.at || (left.at === right.at && left.order < right.order);
  }
}

interface SimCall extends ExecutorCall {
  readonly ms: number;
  readonly kills: boolean;
  /** When a host died with it, first. */
  lostAt?: number;
  runs: number;
}

interface Sent {
  readonly lease: Lease;
  readonly chunk: SentChunk;
  isStalled: boolean;
}

interface Slot {
  isUp: boolean;
  /** What it runs, and since when. */
  job: { readonly sent: Sent; readonly began: number } | undefined;
  /** Counts up when it dies: what was planned before is void. */
  life: number;
}

/** One lease: a ledger, and always more work than it may have in flight. */
class Lease {
  readonly ledger = new ChunkTracker({
    maxChunkItems: itemsPerChunk,
    maxChunkBytes: Infinity,
    maxHostDeaths: 2,
  });
  done = 0;
  chunks = 0;
  readonly #fleet: Fleet;
  readonly #name: number;

  constructor(fleet: Fleet, name: number) {
    this.#fleet = fleet;
    this.#name = name;
  }

  goOn(): void {
    if (this.ledger.isEmpty && this.#fleet.isOpen) {
      for (let item = 0; item < itemsPerChunk; item++)
        this.ledger.add(this.#fleet.newCall(), { args: [], bytes: 1 });
    }
    const chunk = this.ledger.cut(`${this.#name}-${this.chunks + 1}`);
    if (chunk === undefined) return;
    this.chunks++;
    this.#fleet.send({ lease: this, chunk, isStalled: false });
  }

  settle(settlements: readonly Settlement[]): void {
    this.done += settlements.length;
    for (const { call, outcome } of settlements)
      this.#fleet.settled(call as SimCall, outcome.status === 'fulfilled');
    this.goOn();
  }
}

class Fleet {
  readonly agenda = new Agenda();
  readonly random: () => number;
  readonly slots: Slot[] = [];
  readonly leases: Lease[] = [];
  readonly #queue: Sent[] = [];
  /** Slots that may be free. */
  readonly #free: Slot[] = [];
  #head = 0;
  isOpen = true;
  deaths = 0;
  lostChunks = 0;
  sent = 0;
  poisoned = 0;
  poisonDeaths = 0;
  added = 0;
  finished = 0;
  runAgain = 0;
  poisonNext = 0;
  readonly recoveries: number[] = [];

  constructor(hosts: number, leases: number, seed: number) {
    this.random = randomOf(seed);
    for (let slot = 0; slot < hosts * slotsPerHost; slot++)
      this.slots.push({ isUp: true, job: undefined, life: 0 });
    this.#free.push(...this.slots);
    for (let lease = 0; lease < leases; lease++) this.leases.push(new Lease(this, lease));
    for (const lease of this.leases) this.agenda.in(this.random() * 100, () => lease.goOn());
  }

  newCall(): SimCall {
    const kills = this.poisonNext > 0 && this.poisonNext-- > 0;
    this.added++;
    return {
      task: { kind: 'reference', module: 'file:///tasks.js', name: 'job' },
      args: [],
      transfer: [],
      owner: undefined,
      timeoutSeconds: undefined,
      beginBeforeMs: undefined,
      settle() {},
      ms: meanMs * (0.5 + this.random()),
      kills,
      runs: 0,
    };
  }

  settled(call: SimCall, isFulfilled: boolean): void {
    this.finished++;
    if (!isFulfilled) this.poisoned++;
    if (call.lostAt !== undefined) this.recoveries.push(this.agenda.now - call.lostAt);
    if (call.runs > 1) this.runAgain++;
  }

  send(sent: Sent): void {
    this.sent++;
    this.#queue.push(sent);
    this.#wake();
  }

  /** A host dies: its slots with all they run. */
  kill(host: number): void {
    this.deaths++;
    for (let slot = host * slotsPerHost; slot < (host + 1) * slotsPerHost; slot++)
      this.#killSlot(this.slots[slot]);
  }

  #killSlot(slot: Slot): void {
    const { job } = slot;
    slot.isUp = false;
    slot.job = undefined;
    slot.life++;
    this.agenda.in(restartMs, () => {
      slot.isUp = true;
      this.#take(slot);
    });
    if (job === undefined) return;
    this.#answerUntil(job.sent, this.agenda.now - job.began, true);
    // The lock lasts on, then the next look at stalled jobs finds it.
    const foundIn = lockMs * (0.5 + this.random() / 2) + (lockMs / 2) * this.random();
    this.agenda.in(foundIn, () => {
      this.#queue.splice(this.#head, 0, { ...job.sent, isStalled: true });
      this.#wake();
    });
  }

  #wake(): void {
    while (this.#head < this.#queue.length && this.#free.length > 0) this.#take(this.#free.pop()!);
  }

  #take(slot: Slot): void {
    for (;;) {
      if (!slot.isUp || slot.job !== undefined) return;
      if (this.#head >= this.#queue.length) {
        this.#free.push(slot);
        return;
      }
      const sent = this.#queue[this.#head++];
      if (this.#head > 1_000) {
        this.#queue.splice(0, this.#head);
        this.#head = 0;
      }
      if (sent.isStalled) {
        this.lostChunks++;
        sent.lease.settle(sent.lease.ledger.lose(sent.chunk.id, 'its host died'));
        continue;
      }
      this.#begin(slot, sent);
    }
  }

  #begin(slot: Slot, sent: Sent): void {
    const { life } = slot;
    slot.job = { sent, began: this.agenda.now };
    const killer = sent.chunk.items.findIndex(({ call }) => (call as SimCall).kills);
    if (killer >= 0) {
      const at = this.#offsets(sent)[killer];
      this.agenda.in(at, () => {
        if (slot.life !== life) return;
        this.poisonDeaths++;
        this.kill(Math.floor(this.slots.indexOf(slot) / slotsPerHost));
      });
      return;
    }
    const last = sent.chunk.items.length - 1;
    const end = this.#offsets(sent)[last] + (sent.chunk.items[last].call as SimCall).ms;
    this.agenda.in(end, () => {
      if (slot.life !== life) return;
      slot.job = undefined;
      this.#answerUntil(sent, Infinity, false);
      this.#take(slot);
    });
  }

  /** When each item begins, after the chunk did. */
  #offsets({ chunk }: Sent): number[] {
    let at = 0;
    return chunk.items.map(({ call }) => {
      const begins = at;
      at += (call as SimCall).ms / (chunk.isCareful ? 1 : workersPerSlot);
      return begins;
    });
  }

  #answerUntil(sent: Sent, elapsedMs: number, isDead: boolean): void {
    const { lease, chunk } = sent;
    const offsets = this.#offsets(sent);
    const settlements: Settlement[] = [];
    for (const [index, { call, state }] of chunk.items.entries()) {
      const item = call as SimCall;
      if (offsets[index] > elapsedMs) {
        if (isDead && state === 'sent') item.lostAt ??= this.agenda.now;
        continue;
      }
      if (state !== 'sent') continue;
      item.runs++;
      if (chunk.isCareful) lease.ledger.begin(chunk.id, index);
      if (offsets[index] + item.ms <= elapsedMs && !item.kills)
        settlements.push(...lease.ledger.answer(chunk.id, index, { status: 'fulfilled', value: 0 }));
      else if (isDead) item.lostAt ??= this.agenda.now;
    }
    if (settlements.length > 0) lease.settle(settlements);
  }
}

const quantile = (sorted: readonly number[], q: number): number =>
  sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
const jain = (shares: readonly number[]): number => {
  const sum = shares.reduce((total, share) => total + share, 0);
  return sum ** 2 / (shares.length * shares.reduce((total, share) => total + share ** 2, 0));
};
const seconds = (ms: number): string => (ms / 1000).toFixed(1);

/** Managers hold 1, 2, 4 or 8 leases each; the fleet has work for 1.5 times its slots. */
function fairness(hosts: number): void {
  const caps: number[] = [];
  const target = hosts * slotsPerHost * 1.5;
  for (let leases = 0, turn = 0; leases < target; turn++) {
    caps.push([1, 2, 4, 8][turn % 4]);
    leases += caps.at(-1)!;
  }
  const fleet = new Fleet(
    hosts,
    caps.reduce((sum, cap) => sum + cap, 0),
    Number(values.seed),
  );
  fleet.agenda.runUntil(lengthMs);
  let first = 0;
  const perLease = caps.map((cap) => {
    const own = fleet.leases.slice(first, (first += cap));
    return own.reduce((sum, { done }) => sum + done, 0) / cap;
  });
  const sorted = perLease.toSorted((a, b) => a - b);
  const rate = fleet.finished / (lengthMs / 1000);
  const ideal = (hosts * slotsPerHost * workersPerSlot * 1000) / meanMs;
  console.log(
    [
      `${hosts} hosts, ${caps.length} managers, ${fleet.leases.length} leases:`,
      `Jain's index of items per lease ${jain(perLease).toFixed(4)}, least/most ${(sorted[0] / sorted.at(-1)!).toFixed(2)},`,
      `${Math.round(rate)} items/s (${((100 * rate) / ideal).toFixed(0)} % of all workers busy),`,
      `${Math.round(fleet.sent / (lengthMs / 1000))} chunks/s`,
    ].join(' '),
  );
}

/** A tenth of the hosts dies at one moment. */
function recovery(hosts: number): void {
  const fleet = new Fleet(hosts, hosts * slotsPerHost, Number(values.seed));
  fleet.agenda.runUntil(20_000);
  for (let host = 0; host < hosts; host += 10) fleet.kill(host);
  fleet.agenda.runUntil(lengthMs);
  fleet.isOpen = false;
  fleet.agenda.runUntil(10 * lengthMs);
  const times = fleet.recoveries.toSorted((a, b) => a - b);
  console.log(
    [
      `${hosts} hosts, ${fleet.deaths} die at once: ${fleet.lostChunks} chunks lost, ${times.length} items late by`,
      `p50 ${seconds(quantile(times, 0.5))} s, p99 ${seconds(quantile(times, 0.99))} s, at most ${seconds(times.at(-1) ?? 0)} s;`,
      `${fleet.runAgain} of ${fleet.finished} items ran twice; ${fleet.added - fleet.finished} never settled`,
    ].join(' '),
  );
}

/** Every host dies about every ten minutes, and there are jobs that kill their host. */
function attrition(hosts: number): void {
  const fleet = new Fleet(hosts, hosts * slotsPerHost, Number(values.seed));
  const poison = Math.max(1, hosts / 100);
  fleet.agenda.in(10_000, () => (fleet.poisonNext = poison));
  for (let host = 0; host < hosts; host++) {
    const next = (): void =>
      fleet.agenda.in(-Math.log(1 - fleet.random()) * 600_000, () => {
        if (fleet.slots[host * slotsPerHost].isUp) fleet.kill(host);
        next();
      });
    next();
  }
  fleet.agenda.runUntil(5 * lengthMs);
  fleet.isOpen = false;
  fleet.agenda.runUntil(6 * lengthMs);
  console.log(
    [
      `${hosts} hosts that die every ten minutes, ${poison} poison jobs: ${fleet.deaths} deaths,`,
      `${fleet.poisonDeaths} of them by poison, ${fleet.poisoned} jobs given up;`,
      `${((1e6 * fleet.runAgain) / fleet.finished).toFixed(0)} in a million items ran twice; ${fleet.added - fleet.finished} never settled`,
    ].join(' '),
  );
}

for (const hosts of [10, 100, 1000]) fairness(hosts);
for (const hosts of [10, 100, 1000]) recovery(hosts);
for (const hosts of [10, 100, 1000]) attrition(hosts);
