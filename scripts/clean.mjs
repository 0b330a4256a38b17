import { rmSync } from 'node:fs';

for (const folder of ['dist', 'build', 'coverage', 'reports'])
  rmSync(folder, { recursive: true, force: true });
