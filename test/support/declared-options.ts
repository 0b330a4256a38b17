import { readFileSync } from 'node:fs';

export interface DeclaredOption {
  readonly name: string;
  readonly defaultValue: string | undefined;
  /** What its comment says, on one line. */
  readonly meaning: string;
}

/** The options of an interface in a declaration file, as their comments describe them. */
export function declaredOptions(file: string, type: string): DeclaredOption[] {
  const body = new RegExp(`interface ${type}\\b[^{]*\\{\\n([^]*?)\\n\\}`).exec(
    readFileSync(file, 'utf8'),
  )?.[1];
  if (body === undefined) throw new Error(`${file} has no interface ${type}`);
  return [...body.matchAll(/\/\*\*((?:(?!\*\/)[^])*)\*\/\s*readonly (\w+)/g)].map(([, comment, name]) => {
    const [meaning, defaultValue] = comment
      .replace(/^\s*\* ?/gm, '')
      .replace(/\{@link (\w+)\}/g, '`$1`')
      .replace(/\s+/g, ' ')
      .split('@defaultValue')
      .map((part) => part.trim());
    return { name, defaultValue, meaning };
  });
}
