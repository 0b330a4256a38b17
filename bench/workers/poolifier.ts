import { ThreadWorker } from 'poolifier';

export default new ThreadWorker<number, number>((value = 0) => value + 1);
