// How many times the throughput of other pools do hashes of short texts reach (1 KB in, SHA-256 out, 10,000 in flight, two workers)?
import { openField } from './field.ts';
import { openHashes } from './floor.ts';
import { report } from './harness.ts';
import { race, raceGoals, raceTable } from './race.ts';
import { jobs } from './workers/jobs.ts';

const question =
  'How many times the throughput of other pools do hashes of short texts reach?\n' +
  '(a string of 1 KB in, its SHA-256 in hex out, 10,000 in flight, two workers)';

// Strings that differ: one and the same would be hashed and copied from warm memory.
const texts = Array.from({ length: 256 }, (_, i) => `${i} `.repeat(1024).slice(0, 1024));
const hashes = texts.map(jobs.sha256);

/** As many for each of two threads. */
const jobsPerCall = 5_000;
const alone = openHashes(texts, 2, jobsPerCall);
const field = await openField();
const result = await race(
  field,
  {
    job: 'sha256',
    input: (index) => texts[index % texts.length],
    inFlight: 10_000,
    seconds: 1,
    rounds: 5,
    isRight: (hash, first) => hash === hashes[first % hashes.length],
  },
  { 'hashes alone': { call: alone.call, jobsPerCall } },
);
await field.stop();
await alone.stop();
const goals = raceGoals(result, '1 KB string in, SHA-256 out', 'threshold 20', { piscina: 20, best: 8 });
report('strings', question, raceTable(result, 'threshold 20'), result, goals);
