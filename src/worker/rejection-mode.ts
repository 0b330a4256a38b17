import { process } from '../core/globals.ts';
/**
 * What Node does about unhandled rejections here, as `--unhandled-rejections` says: of the program, inherited, or given
 * for workers. The last one counts, on the command line before `NODE_OPTIONS`.
 */
export function rejectionMode(
  flags: readonly string[] = process.execArgv,
  options: string = process.env['NODE_OPTIONS'] ?? '',
): string {
  const given = [...options.replaceAll('"', '').split(' '), ...flags].join('\0');
  const modes = given.matchAll(/(?<=^|\0)--unhandled[-_]rejections[=\0]([^\0]*)/g);
  return [...modes].at(-1)?.[1] ?? 'throw';
}
