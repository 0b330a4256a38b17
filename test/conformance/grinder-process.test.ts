import { grinderConformance } from './grinder.ts';

grinderConformance('process');
