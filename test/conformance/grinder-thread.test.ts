import { grinderConformance } from './grinder.ts';

grinderConformance('thread');
