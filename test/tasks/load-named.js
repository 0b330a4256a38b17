// A task module in which nothing but the table is public: its tasks use module state.
import { defineTasks } from '../../dist/task/define.js';
import { workerData } from '../../dist/task/worker-data.js';

let calls = 0;

defineTasks(import.meta.url, {
  count: () => ++calls,
  square: (value) => value * value,
});

export const seenWhileLoading = () => dataWhileLoading;
const dataWhileLoading = workerData();

/** Hidden by nothing, and no task of the table. */
export function cube(value) {
  return value ** 3;
}

export default function whole() {
  return 'default';
}

export const limit = 7;
