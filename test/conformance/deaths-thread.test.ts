import { thousandDeaths } from './deaths.ts';

thousandDeaths('thread');
