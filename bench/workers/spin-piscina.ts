import { spin } from './spin.ts';

export default spin;
