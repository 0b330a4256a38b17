import { randomDeaths } from './deaths.ts';

randomDeaths('process');
