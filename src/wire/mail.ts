/** Frames received after which a side that has nothing else to send says so. */
const confirmedEvery = 8;

export interface Frame<T> {
  /** Frames of the other side that have arrived here. */
  readonly arrived: number;
  /** One of them, by number, that could not be read. */
  readonly unreadable: number | undefined;
  readonly items: readonly T[];
}

export interface MailRoute<T> {
  /** @throws when an item cannot be copied; then nothing was sent */
  post(frame: Frame<T>): void;
  /** The item cannot be copied by this side, or not be read by the other one. */
  undeliverable(item: T, reason: unknown): void;
}

/**
 * One end of a connection on which both sides send items in frames. An item that cannot travel never takes the
 * others with it: a frame that could not be copied, or not be read on the other side (a value nested too deep for
 * its stack, say), is sent again item by item. For that, frames are kept until the other side is known to have them.
 */
export class Mail<Out, In> {
  readonly #route: MailRoute<Out>;
  #arrived = 0;
  /** Of those, as many as the other side has been told of. */
  #confirmed = 0;
  /** Frames of this side that are known to have arrived. */
  #delivered = 0;
  /** Those sent since, in order. */
  #underWay: (readonly Out[])[] = [];

  constructor(route: MailRoute<Out>) {
    this.#route = route;
  }

  send(items: readonly Out[]): void {
    try {
      this.#post(items);
    } catch (error) {
      this.#sendSingly(items, error);
    }
  }

  /** @returns what came with it */
  receive({ arrived, unreadable, items }: Frame<In>): readonly In[] {
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
