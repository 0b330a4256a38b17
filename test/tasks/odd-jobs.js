import { describeValue, make } from './odd-values.js';

export const describing = (value) => describeValue(value);

export const making = (recipe) => make(recipe);
