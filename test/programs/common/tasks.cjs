const { defineTasks, workerData } = require('leasepool');

let calls = 0;

/** Named by the module itself, as `module.exports` is replaced. */
module.exports = defineTasks(module, {
  square: (value) => value * value,
  count: () => ++calls,
  given: () => workerData(),
  fail(message) {
    throw new RangeError(message);
  },
});
