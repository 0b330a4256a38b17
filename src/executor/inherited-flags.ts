/** Flags that concern the source of this program: they would keep a worker from starting. */
const aboutSource = /^--(input-type|inspect)/;
const inlineSource = /^(-e|--eval|-p|--print|-pe)$/;

/** Flags that concern how modules are found; a value may follow in an argument of its own. */
const aboutLoading = /^(--import|--require|-r|--loader|--experimental-loader|--conditions|-C)(=|$)/;

/** What a child process inherits of this process's flags. */
export function flagsForProcess(flags: readonly string[] = process.execArgv): string[] {
  const own = [...flags];
  const source = own.findIndex((flag) => inlineSource.test(flag));
  if (source >= 0) own.splice(source, 2);
  return own.filter((flag) => !aboutSource.test(flag));
}

/**
 * What a thread inherits, or `undefined` to leave it to Node, which knows best. Only when a flag would keep the
 * thread from starting it is told; it then takes none of the flags that hold for the whole process anyway.
 */
export function flagsForThread(flags: readonly string[] = process.execArgv): string[] | undefined {
  if (!flags.some((flag) => aboutSource.test(flag))) return undefined;
  return flags.filter((flag, index) => aboutLoading.test(flag) || isValueOf(flags[index - 1]));
}

function isValueOf(flag: string | undefined): boolean {
  return flag !== undefined && aboutLoading.test(flag) && !flag.includes('=');
}
