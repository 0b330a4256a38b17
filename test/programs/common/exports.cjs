// Knows nothing of the package.
exports.cube = (value) => value ** 3;
exports.later = async (value) => value;
