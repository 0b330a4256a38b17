import { Map } from '../core/globals.ts';
import { type CloneTest, notCloneable } from '../wire/cloneable.ts';
import { encodeErrors, encodeThrow } from '../wire/error-codec.ts';
import type { ResultFrame, Failure, WorkerFrame } from '../wire/frame.ts';
import { refuseDetached } from '../wire/transfer.ts';
import { noSnapshot, packTrees, snapshot } from '../wire/shape-encoding.ts';

/** A worker's way to its host. */
export interface HostPort {
  /** @throws when a value in the frame cannot be copied; then nothing was sent */
  post(frame: WorkerFrame, transfer: readonly object[]): void;
  /** What its way of copying refuses, where that is more than structured clone does. */
  readonly cloneTest?: CloneTest;
  /** Settles when what jobs have printed so far has reached the host; `undefined` when all of it has. */
  stdioFlushed?(): Promise<void> | undefined;
  /** Resolves once input has been taken in, where a call that may be slow has to wait for that. */
  afterPoll?(): Promise<void>;
  /** The worker is about to end in order. */
  leaves?(): void;
}

/** Answers, and what each of them moves. */
interface PendingResults extends Omit<ResultFrame, 'trees'> {
  readonly transferLists: ReadonlyMap<number, readonly object[]> | undefined;
}

/**
 * Answers on their way to the host: gathered, sent together, and kept until the host is known to have read them.
 * An answer that cannot travel never takes the others with it.
 */
export class Outbox {
  readonly #port: HostPort;
  #first = 0;
  #values: unknown[] = [];
  #failed: Failure[] | undefined;
  #transferLists: Map<number, readonly object[]> | undefined;
  #workMs = 0;
  /** The last answer is an object that a later job could still change. */
  #holdsObject = false;
  #unread: PendingResults[] = [];
  /** Being copied just now. */
  #posting: PendingResults | undefined;

  constructor(port: HostPort) {
    this.#port = port;
  }

  /** Answers not sent yet. */
  get size(): number {
    return this.#values.length;
  }

  /** Milliseconds of work in the answers not sent yet. */
  get workMs(): number {
    return this.#workMs;
  }

  /**
   * Results are copied when they are sent, not when they are added. This takes a copy of the last one now, because the next
   * job could change an object that a job has returned.
   * @returns whether the next job may run; `false` when a copy is not cheap, so that the results have to be sent first
   */
  copyLastResult(): boolean {
    if (!this.#holdsObject) return true;
    const last = this.#values.length - 1;
    const copy = this.#transferLists?.has(last) === true ? noSnapshot : snapshot(this.#values[last]);
    if (copy === noSnapshot) return false;
    this.#values[last] = copy;
    this.#holdsObject = false;
    return true;
  }

  /** A frame of calls begins: its first index, and the index up to which the host has read the answers. */
  begin(first: number, answered: number): void {
    this.#first = first;
    if (this.#unread.length > 0) this.#unread = this.#unread.filter((sent) => endOf(sent) > answered);
  }

  add(value: unknown, moves: readonly object[] | undefined, workMs: number): void {
    if (typeof value === 'object' && value !== null) this.#holdsObject = true;
    if (moves !== undefined) (this.#transferLists ??= new Map()).set(this.#values.length, moves);
    this.#values.push(value);
    this.#workMs += workMs;
  }

  /** @param isOfLibrary the library raised it, no job */
  addFailure(error: unknown, workMs: number, isOfLibrary = false): void {
    (this.#failed ??= []).push({ offset: this.#values.length, thrown: encodeThrow(error), isOfLibrary });
    this.#values.push(undefined);
    this.#workMs += workMs;
  }

  /** A call the host has taken back: it only keeps its place in the order. */
  addSkipped(): void {
    (this.#failed ??= []).push({ offset: this.#values.length, thrown: undefined });
    this.#values.push(undefined);
  }

  flush(): void {
    if (this.#values.length === 0) return;
    const answers = this.#detach();
    this.#posting = answers;
    try {
      const transfer = answers.transferLists === undefined ? [] : [...answers.transferLists.values()].flat();
      refuseDetached(transfer);
      this.#port.post(frameOf(answers), transfer);
    } catch {
      this.#sendSingly(answers);
    }
    this.#posting = undefined;
  }

  /**
   * For the last moment of a worker. It may have come while an answer was being copied, because of a getter in it:
   * then those before that one still leave. The host passes over what it gets twice.
   */
  flushOnExit(): void {
    if (this.#posting !== undefined) this.#sendSingly(this.#posting);
    if (this.#values.length > 0) this.#sendSingly(this.#detach());
  }

  #detach(): PendingResults {
    const answers: PendingResults = {
      first: this.#first,
      values: this.#values,
      failed: this.#failed,
      workMs: this.#workMs,
      transferLists: this.#transferLists,
    };
    this.#first += this.#values.length;
    this.#values = [];
    this.#failed = undefined;
    this.#transferLists = undefined;
    this.#workMs = 0;
    this.#holdsObject = false;
    this.#unread.push(answers);
    return answers;
  }

  /** The host could not read a frame (a result nested too deep for its stack, say): everything since goes once more. */
  resend(from: number): void {
    const unread = this.#unread.filter((sent) => endOf(sent) > from);
    this.#port.post({ retransmitResultsTo: this.#first }, []);
    for (const sent of unread) this.#sendSingly(sent, this.#port.cloneTest);
  }

  /** @param check finds the part of a value that the host could not read */
  #sendSingly({ first, values, failed, workMs, transferLists }: PendingResults, check?: CloneTest): void {
    values.forEach((value, offset) => {
      const failure = failed?.find((each) => each.offset === offset);
      const alone = {
        first: first + offset,
        trees: undefined,
        failed: failure && [{ ...failure, offset: 0 }],
        workMs: workMs / values.length,
      };
      try {
        const transfer = transferLists?.get(offset) ?? [];
        refuseDetached(transfer);
        check?.(value);
        this.#port.post({ ...alone, ...encodeErrors([value]) }, transfer);
      } catch (error) {
        const thrown = encodeThrow(notCloneable('result', value, error, this.#port.cloneTest));
        this.#port.post(
          { ...alone, values: [undefined], failed: [{ offset: 0, thrown, isOfLibrary: true }] },
          [],
        );
      }
    });
  }
}

function frameOf({ first, values, failed, workMs }: PendingResults): ResultFrame {
  const { values: leaves, trees } = packTrees(values);
  return { first, trees, ...encodeErrors(leaves), failed, workMs };
}

function endOf(sent: PendingResults): number {
  return sent.first + sent.values.length;
}
