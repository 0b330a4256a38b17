import { Array, Number, RangeError } from '../core/globals.ts';

/** Frames received after which a side that has nothing else to send says so. */
const acknowledgeEvery = 8;

export interface Envelope<T> {
  /** Frames of the other side that have arrived here. */
  readonly received: number;
  /** One of them, by number, that could not be read. */
  readonly unreadable: number | undefined;
  readonly items: readonly T[];
}

export interface ChannelTransport<Out, In> {
  /** Whether something that arrived is an item. The thread at the other end may send anything. */
  isItem(value: unknown): value is In;
  /** @throws when an item cannot be copied; then nothing was sent */
  post(frame: Envelope<Out>): void;
  /** The item cannot be copied by this side, or not be read by the other one. */
  undeliverable(item: Out, reason: unknown): void;
}

/**
 * One end of a connection on which both sides send items in frames. An item that cannot travel never takes the
 * others with it: a frame that could not be copied, or not be read on the other side (a value nested too deep for
 * its stack, say), is sent again item by item. For that, frames are kept until the other side is known to have them.
 */
export class ReliableChannel<Out, In> {
  readonly #transport: ChannelTransport<Out, In>;
  #received = 0;
  /** Of those, as many as the other side has been told of. */
  #acknowledged = 0;
  /** Frames of this side that are known to have arrived. */
  #delivered = 0;
  /** Those sent since, in order. */
  #unacknowledged: (readonly Out[])[] = [];

  constructor(route: ChannelTransport<Out, In>) {
    this.#transport = route;
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
    const { received, unreadable, items } = frame;
    this.#received++;
    const lost = unreadable === undefined ? [] : (this.#unacknowledged[unreadable - this.#delivered] ?? []);
    this.#unacknowledged.splice(0, received - this.#delivered);
    this.#delivered = received;
    this.#sendSingly(lost, new RangeError('the other thread could not read it'));
    if (this.#received - this.#acknowledged >= acknowledgeEvery) this.#post([]);
    return items;
  }

  receiveUnreadable(): void {
    this.#post([], this.#received++);
  }

  #isFrame(value: unknown): value is Envelope<In> {
    const { received, unreadable, items } = (value ?? {}) as Partial<Envelope<In>>;
    return (
      Number.isSafeInteger(received) &&
      received! >= this.#delivered &&
      (unreadable === undefined || Number.isSafeInteger(unreadable)) &&
      Array.isArray(items) &&
      items.every((item) => this.#transport.isItem(item))
    );
  }

  #post(items: readonly Out[], unreadable?: number): void {
    this.#transport.post({ received: this.#received, unreadable, items });
    this.#unacknowledged.push(items);
    this.#acknowledged = this.#received;
  }

  #sendSingly(items: readonly Out[], reason: unknown): void {
    if (items.length === 1) this.#transport.undeliverable(items[0], reason);
    else for (const item of items) this.send([item]);
  }
}
