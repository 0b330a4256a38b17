/** How often the interesting things happened: a simulation that never got there has shown nothing. */
export class Coverage {
  readonly counts = new Map<string, number>();

  saw(what: string, times = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + times);
  }

  add(other: Coverage): void {
    for (const [what, times] of other.counts) this.saw(what, times);
  }
}
