import { defineTasks, move } from 'leasepool';

const factor = 2;

export const tasks = defineTasks(import.meta.url, {
  double: (value) => value * factor,
  fail: (message) => {
    throw Object.assign(new RangeError(message), { code: 'ERR_OF_ITS_OWN' });
  },
  exit: (code) => process.exit(code),
  loop: () => {
    for (;;);
  },
  later: async (value) => {
    await new Promise((resolve) => setTimeout(resolve, 10));
    return value;
  },
  moved: (bytes) => move(bytes.reverse(), [bytes.buffer]),
  callback: () => () => {},
});
