/** Numbers that jobs of any worker append (`record` of the task modules), in the order in which they did. */
export class SharedLog {
  /** The count, then the entries. */
  readonly cells: Int32Array;

  constructor(capacity = 1000) {
    this.cells = new Int32Array(new SharedArrayBuffer(4 * (1 + capacity)));
  }

  get entries(): number[] {
    return Array.from(this.cells.subarray(1, 1 + Atomics.load(this.cells, 0)));
  }
}
