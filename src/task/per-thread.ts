/**
 * One value per thread, whichever copy of the package asks. An application may load the package twice
 * (bundled and not, two versions), and what is defined through one copy must be found through the other.
 * A value whose shape changes takes a new name.
 */
export function perThread<T extends object>(name: string, make: () => T): T {
  const holder = globalThis as { [key: symbol]: T | undefined };
  return (holder[Symbol.for(`leasepool.${name}`)] ??= make());
}
