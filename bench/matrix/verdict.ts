/** What a cell of the table says. `"right"`: every promise settled with what its job gave, and the next task ran. */
export type Verdict = 'right' | 'wrong' | 'lost' | 'hung' | 'killed' | 'none';

/** In the words of the page. */
export const meanings: Readonly<Record<Verdict, string>> = {
  right: 'every promise settles with what its own job gave, nobody else notices, and the next task runs',
  wrong: 'something settles otherwise than it should: a value for an error, an error that says nothing',
  lost: 'a task that did nothing wrong is rejected',
  hung: 'a promise never settles, or the process never ends',
  killed: 'the program that uses the pool ends with an uncaught error',
  none: 'the pool has no such thing',
};

/** Thrown by a situation that does not come out right. */
export class Fault extends Error {
  readonly verdict: Verdict;

  constructor(verdict: Verdict, note: string) {
    super(note);
    this.verdict = verdict;
  }
}

/** What a sacrificial process tells. */
export interface Cell {
  readonly verdict: Verdict;
  readonly note: string;
}
