import { randomDeaths } from './deaths.ts';

randomDeaths('thread');
