import { managerConformance } from './manager.ts';

managerConformance('process');
