exports.part = () => 1;
if (process.pid > 0) throw new Error('native addon missing');
