// Stands for a module that starts a manager when it is imported.
import { ImportReentryError } from '../../dist/core/errors.js';
import { importingModule } from '../../dist/task/import-guard.js';

if (importingModule() !== undefined)
  throw new ImportReentryError(`imported by a worker: ${importingModule()}`);

export const never = () => 'never';
