import { managerConformance } from './manager.ts';

managerConformance('thread');
