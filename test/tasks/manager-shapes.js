import { defineTasks } from 'leasepool';

let count = 0;

function hidden() {
  return ++count;
}

const table = { hidden, twice: (value) => value * 2 };

/** The very object that was given. */
export const shapes = defineTasks(import.meta.url, table);
export { table };

export function exported(value) {
  return `exported ${value}`;
}

export default function (value) {
  return `default ${value}`;
}

export const notAFunction = 7;
