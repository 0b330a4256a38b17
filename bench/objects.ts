// How many times the throughput of other pools do small objects reach (in and out, 10,000 in flight, two workers)?
import { openField } from './field.ts';
import { report } from './harness.ts';
import { race, raceGoals, raceTable } from './race.ts';
import type { Item } from './workers/jobs.ts';

const question =
  'How many times the throughput of other pools do small objects reach?\n' +
  '(id, name, three tags and a nested object, in and out, 10,000 in flight, two workers)';

const item = (id: number): Item => ({
  id,
  name: `item ${id}`,
  tags: ['red', 'round', 'small'],
  nested: { width: 12.5, unit: 'mm' },
});

function isRight(result: unknown, first: number): boolean {
  const { id, name, tags, nested } = result as Item;
  return id === first + 1 && name === `item ${first}` && tags[2] === 'small' && nested.unit === 'mm';
}

const field = await openField();
const result = await race(field, {
  job: 'rename',
  input: item,
  inFlight: 10_000,
  seconds: 1,
  rounds: 5,
  isRight,
});
await field.stop();
const goals = raceGoals(result, 'small object in and out', 'threshold 20', { piscina: 15, best: 5 });
report('objects', question, raceTable(result, 'threshold 20'), result, goals);
