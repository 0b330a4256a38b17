// Fails to load as `?how=` says, unless `&pass=` names a file that exists.
import { existsSync } from 'node:fs';

const query = new URL(import.meta.url).searchParams;

const ways = {
  throws() {
    throw new TypeError('this module does not load');
  },
  exits: () => process.exit(9),
  never: () => new Promise(() => setInterval(() => {}, 1000)),
};

if (!existsSync(query.get('pass'))) await ways[query.get('how')]();

export const loaded = () => 'loaded';
