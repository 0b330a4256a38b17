/** What can stand in a {@link LinkedList}: in one at a time, and it knows in which. */
export interface Listed<T extends Listed<T, Owner>, Owner> {
  list: LinkedList<T, Owner> | undefined;
  previous: T | undefined;
  next: T | undefined;
}

/**
 * A doubly linked list whose links are in its members: adding and removing allocate nothing and take the same
 * time wherever the member stands, which is what makes a cancel O(1).
 */
export class LinkedList<T extends Listed<T, Owner>, Owner> {
  readonly keeper: Owner;
  first: T | undefined = undefined;
  last: T | undefined = undefined;
  size = 0;

  constructor(owner: Owner) {
    this.keeper = owner;
  }

  push(member: T): void {
    this.#insert(member, this.last, undefined);
  }

  /** Puts `member` before `next`, which stands in this list. */
  insertBefore(next: T, member: T): void {
    this.#insert(member, next.previous, next);
  }

  /** Takes the first member out. */
  shift(): T | undefined {
    const { first } = this;
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** @returns whether it stood in this list */
  remove(member: T): boolean {
    if (member.list !== this) return false;
    const { previous, next } = member;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.last = previous;
    else next.previous = previous;
    member.list = undefined;
    member.previous = undefined;
    member.next = undefined;
    this.size--;
    return true;
  }

  #insert(member: T, previous: T | undefined, next: T | undefined): void {
    member.list = this;
    member.previous = previous;
    member.next = next;
    if (previous === undefined) this.first = member;
    else previous.next = member;
    if (next === undefined) this.last = member;
    else next.previous = member;
    this.size++;
  }
}
