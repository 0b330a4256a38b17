/** Arguments: a backend, what is done to the prototypes of the program, what to those of the workers. Input: companies of recipes. Prints what differs from structured clone. */
import { LeasedExecutorManager, taskRef } from 'leasepool';
import { tamper } from './odd-tampering.js';
import { cloneOf, describeValue, make } from './odd-values.js';

const [, , backend, here, there] = process.argv;
const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const companies = JSON.parse(Buffer.concat(chunks).toString());

const task = (name) => taskRef(new URL('./odd-jobs.js', import.meta.url), name);
const tampering = new URL(`./odd-tampering.js?way=${there}`, import.meta.url);
const manager = new LeasedExecutorManager({ backend, workersPerPool: 1, preload: [tampering] });
await manager.start();
const lease = await manager.acquire({ leaseSeconds: 300 });
tamper(here);

const differences = [];
let outcomes = 0;
async function compare(what, recipes, submit) {
  const settled = await Promise.allSettled(recipes.map(submit));
  settled.forEach(({ status, value, reason }, index) => {
    const wanted = cloneOf(recipes[index]);
    const got =
      status === 'fulfilled' ? value : reason.name === 'NotCloneableError' ? undefined : String(reason);
    outcomes++;
    if (got !== wanted)
      differences.push(`${what}: ${JSON.stringify(recipes[index])} gave ${got} instead of ${wanted}`);
  });
}

const deletes = (recipe) => JSON.stringify(recipe).includes('deletes the next');
const describing = (recipe) => lease.run(task('describing'), [make(recipe)]);
const making = (recipe) => lease.run(task('making'), [recipe]).then(describeValue);
// Of a job that was seen to be short, many fit a message.
await Promise.all(Array.from({ length: 100 }, () => lease.run(task('describing'), [1])));
for (const company of companies) {
  // What cannot be copied has its mates copied once more, and their getters run once more.
  const cloneable = company.filter((recipe) => cloneOf(recipe) !== undefined);
  await compare('arguments in company', cloneable, describing);
  for (const recipe of company) await compare('arguments alone', [recipe], describing);
  // A promise is awaited. What cannot be copied is copied twice: a getter that deletes properties makes it another.
  const results = company.filter(
    (recipe) => recipe.base !== 'promise' && (cloneable.includes(recipe) || !deletes(recipe)),
  );
  await compare('results in company', results, making);
}
await lease.release();
await manager.stop();
console.log(JSON.stringify({ outcomes, differences: differences.slice(0, 3) }));
