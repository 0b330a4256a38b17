import { Array, Number, RangeError } from '../ground/globals.ts';

/** Frames received after which a side that has nothing else to send says so. */
const confirmedEvery = 8;

export interface Frame<T> {
  /** Frames of the other side that have arrived here. */
  readonly arrived: number;
  /** One of them, by number, that could not be read. */
  readonly unreadable: number | undefined;
  readonly items: readonly T[];
}

export interface MailRoute<Out, In> {
  /** Whether something that arrived is an item. The thread at the other end may send anything. */
  isItem(value: unknown): value is In;
  /** @throws when an item cannot be copied; then nothing was sent */
  post(frame: Frame<Out>): void;
  /** The item cannot be copied by this side, or not be read by the other one. */
  undeliverable(item: Out, reason: unknown): void;
}

/**
 * One end of a connection on which both sides send items in frames. An item that cannot travel never takes the
 * others with it: a frame that could not be copied, or not be read on the other side (a value nested too deep for
 * its stack, say), is sent again item by item. For that, frames are kept until the other side is known to have them.
 */
export class Mail<Out, In> {
  readonly #route: MailRoute<Out, In>;
  #arrived = 0;
  /** Of those, as many as the other side has been told of. */
  #confirmed = 0;
  /** Frames of this side that are known to have arrived. */
  #delivered = 0;
  /** Those sent since, in order. */
  #underWay: (readonly Out[])[] = [];

  constructor(route: MailRoute<Out, In>) {
    this.#route = route;
  }

  send(items: readonly Out[]): void {
    try {
      this.#post(items);
    } catch (error) {
      this.#sendSingly(items, error);
    }
  }

  /** @returns the items of a frame; none of anything else, which is ignored */
  receive(frame: unknown): readonly In[] {
    if (!this.#isFrame(frame)) return [];
    const { arrived, unreadable, items } = frame;
    this.#arrived++;
    const lost = unreadable === undefined ? [] : (this.#underWay[unreadable - this.#delivered] ?? []);
    this.#underWay.splice(0, arrived - this.#delivered);
    this.#delivered = arrived;
    this.#sendSingly(lost, new RangeError('the other thread could not read it'));
    if (this.#arrived - this.#confirmed >= confirmedEvery) this.#post([]);
    return items;
  }

  receiveUnreadable(): void {
    this.#post([], this.#arrived++);
  }

  #isFrame(value: unknown): value is Frame<In> {
    const { arrived, unreadable, items } = (value ?? {}) as Partial<Frame<In>>;
    return (
      Number.isSafeInteger(arrived) &&
      arrived! >= this.#delivered &&
      (unreadable === undefined || Number.isSafeInteger(unreadable)) &&
      Array.isArray(items) &&
      items.every((item) => this.#route.isItem(item))
    );
  }

  #post(items: readonly Out[], unreadable?: number): void {
    this.#route.post({ arrived: this.#arrived, unreadable, items });
    this.#underWay.push(items);
    this.#confirmed = this.#arrived;
  }

  #sendSingly(items: readonly Out[], reason: unknown): void {
    if (items.length === 1) this.#route.undeliverable(items[0], reason);
    else for (const item of items) this.send([item]);
  }
}
