import { ThreadWorker } from 'poolifier';
import { spin } from './spin.ts';

export default new ThreadWorker<number, number>((ms = 0) => spin(ms));
