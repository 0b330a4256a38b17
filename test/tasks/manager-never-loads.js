export const unreachable = () => 'loaded';

await new Promise((resolve) => setInterval(resolve, 2 ** 30));
