import { Object } from './globals.ts';
/**
 * A copy of own fields, without a prototype: what a program, or code in it, has put on `Object.prototype` is neither an
 * option that was given nor one to hand on to Node, which looks there, too.
 */
export function withoutPrototype<O extends object>(fields: O): O {
  return Object.assign(Object.create(null) as O, fields);
}
