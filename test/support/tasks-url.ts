/** Where a module of `test/tasks` is. */
export function tasksUrl(file: string): URL {
  return new URL(`../tasks/${file}`, import.meta.url);
}
