import { part } from './load-broken-dependency.cjs';

export const use = () => part();
