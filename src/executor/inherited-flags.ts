/**
 * The flags a worker inherits, less those that concern the source of this program: `--input-type` and `--eval` would
 * keep a worker from starting. `undefined` when there are none of these: inheriting is then left to Node, which knows
 * best which flags a worker can have.
 */
export function inheritedFlags(flags: readonly string[] = process.execArgv): string[] | undefined {
  const own = [...flags];
  const source = own.findIndex((flag) => /^(-e|--eval|-p|--print|-pe)$/.test(flag));
  if (source >= 0) own.splice(source, 2);
  const kept = own.filter((flag) => !/^--(input-type|inspect)/.test(flag));
  return kept.length === flags.length ? undefined : kept;
}
