exports.cube = (value: number): number => value ** 3;
exports.fail = (message: string): never => {
  throw new RangeError(message);
};
