import { type OtherWord, otherWords, type Place } from './other-words.ts';
import { Array, Map, Math, Object } from './globals.ts';

/** Calls that take the same options. */
const alike: Readonly<Record<string, Place>> = {
  'enqueue()': 'submit()',
  'run()': 'submit()',
  'runBatch()': 'submit()',
  'submitFromThread()': 'submit()',
};

/** A shorter fragment is found in too many names. */
const shortestPart = 3;

/**
 * What to say of an option that is not there: which one is meant, as far as that can be guessed from its letters or from
 * what other libraries call things. It continues a sentence, and is empty when nobody knows.
 *
 * @param place whose options they are
 * @param quote how a name is shown
 */
export function suggestion(
  place: string,
  key: string,
  known: readonly string[],
  quote: (name: string) => string = (name) => `"${name}"`,
): string {
  const word = meanings().get(letters(key));
  const here = word?.is?.[(alike[place] ?? place) as Place];
  if (here !== undefined && known.includes(here))
    return `; did you mean ${quote(here)}?${word!.isHereOnly === true ? '' : noteOf(word!)}`;
  const near = nearest(letters(key), known);
  // That of which it is the beginning (`timeout`) is meant rather than what it may be elsewhere.
  if (near !== undefined && (word === undefined || letters(near).startsWith(letters(key))))
    return `; did you mean ${quote(near)}?`;
  return word === undefined ? '' : elsewhere(word);
}

function elsewhere(word: OtherWord): string {
  const [first] = word.isHereOnly === true ? [] : Object.entries(word.is ?? {});
  if (first === undefined) return word.note === undefined ? '' : `.${noteOf(word)}`;
  const [place, name] = first;
  const owner = place === 'workerOptions' ? 'the workerOptions of a manager' : place;
  return `; that is "${name}", an option of ${owner}.${noteOf(word)}`;
}

const noteOf = ({ note }: OtherWord): string => (note === undefined ? '' : ` ${note}`);

let byLetters: Map<string, OtherWord> | undefined;

/** Made when it is first asked for: most programs make no such mistake. */
function meanings(): ReadonlyMap<string, OtherWord> {
  return (byLetters ??= new Map(
    otherWords.flatMap(([words, meaning]) =>
      words.split(' ').map((word) => [letters(word), meaning] as const),
    ),
  ));
}

/** A name cut short (`timeout`), drawn out (`owners`) or in another case (`max_pools`) is nearer than any with other letters. */
function nearest(given: string, known: readonly string[]): string | undefined {
  const akin = known.filter((name) => isPartOf(letters(name), given) || isPartOf(given, letters(name)));
  const distances = (akin.length > 0 ? akin : known).map((name) => ({
    name,
    distance: editDistance(given, letters(name)),
    // A third of the letters may be wrong.
    most: akin.length > 0 ? Infinity : Math.max(given.length, letters(name).length) / 3,
  }));
  const near = distances.filter(({ distance, most }) => distance <= most);
  return near.toSorted((a, b) => a.distance - b.distance)[0]?.name;
}

const isPartOf = (part: string, whole: string): boolean =>
  part.length >= shortestPart && whole.includes(part);

function letters(name: string): string {
  return name.replace(/[-_]/g, '').toLowerCase();
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
