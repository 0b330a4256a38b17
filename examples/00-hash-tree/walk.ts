import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Every regular file below `folder`; links are not followed. What cannot be listed goes to `onTrouble`. */
export async function* walk(folder: string, onTrouble: (error: unknown) => void): AsyncGenerator<string> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    onTrouble(error);
    return [];
  });
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isFile()) yield path;
    else if (entry.isDirectory()) yield* walk(path, onTrouble);
  }
}
