import { thousandDeaths } from './deaths.ts';

thousandDeaths('process');
