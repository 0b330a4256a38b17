import { describe, expect, it, vi } from 'vitest';
import { portableTask } from '../../../src/task/portable.ts';
import type { AnyFunction } from '../../../src/task/reference.ts';
import * as closures from '../../tasks/closures.js';
import { cases } from './portable.cases.ts';
import type { PortableCase } from './portable.cases.ts';

/** In the global scope, out of reach of the compiler that made this file. */
const evaluate = (text: string): AnyFunction => (0, eval)(text) as AnyFunction;

const make = ({ around = '', task }: PortableCase): AnyFunction =>
  evaluate(`(() => { "use strict"; ${around}
;return (${task}); })()`);

/** The task as a worker would have it. */
function sent(task: AnyFunction): AnyFunction {
  const found = portableTask(task);
  if (!('source' in found)) throw new Error(`refused: ${'reason' in found ? found.reason : ''}`);
  return evaluate(found.source);
}

function variablesOf(task: AnyFunction): readonly string[] | undefined {
  const found = portableTask(task);
  return 'reason' in found ? found.freeVariables : undefined;
}

describe('N7: a function travels as text only when it is self-contained', () => {
  it.each(cases)('$title', async ({ args, because = '', uses = [], ...written }) => {
    const task = make({ ...written });
    const found = portableTask(task);
    if ('reason' in found) {
      expect([...(found.freeVariables ?? [])].sort()).toEqual([...uses].sort());
      expect(found.reason).toContain(because);
    }
    expect('reason' in found).toBe(uses.length > 0 || because !== '');
    if (args !== undefined) expect(await sent(task)(...args)).toEqual(await task(...args));
  });

  it.each([
    { task: closures.usesConstant, variable: 'factor' },
    { task: closures.usesExport, variable: 'counter' },
    { task: closures.usesHiddenGlobal, variable: 'performance' },
    { task: closures.usesHiddenTimer, variable: 'setTimeout' },
    { task: closures.usesNamespace, variable: 'path' },
    { task: closures.usesDefaultImport, variable: 'util' },
    { task: closures.usesNamedImport, variable: 'toText' },
    { task: closures.usesItself, variable: 'usesItself' },
    { task: closures.callsNeighbour, variable: 'usesConstant' },
    { task: closures.usesLate, variable: 'late' },
  ])('$task.name of a real module is refused, for $variable', ({ task, variable }) => {
    expect(variablesOf(task)).toEqual([variable]);
  });

  it('one of a real module that uses import.meta, which only a module may, is refused', () => {
    expect(portableTask(closures.usesImportMeta)).toMatchObject({ reason: 'it uses `import.meta`' });
  });

  it('one of a real module that uses nothing is sent', () => {
    expect(sent(closures.selfContained)(9)).toBe(6);
  });
});

describe('N7: functions of one text', () => {
  it('are told apart by what is around them', () => {
    expect(variablesOf(closures.makeRounding())).toBeUndefined();
    expect(variablesOf(closures.makeRoundingWithOwnMath({ round: () => 0 }))).toEqual(['Math']);
    expect(variablesOf(closures.makeRounding())).toBeUndefined();
  });

  it('are one task, checked once', () => {
    const first = portableTask(closures.makeRounding());
    for (let i = 0; i < 1000; i++) expect(portableTask(closures.makeRounding())).toBe(first);
  });

  it('are refused each, when the text is refused', () => {
    expect(variablesOf(closures.makeScaling(1))).toEqual(['scale']);
    expect(variablesOf(closures.makeScaling(2))).toEqual(['scale']);
  });
});

describe('N7: where the runtime does not tell', () => {
  it('the text is sent unchecked, and what its syntax shows is refused all the same', () => {
    const inspector = vi.spyOn(process, 'getBuiltinModule').mockImplementation(() => {
      throw new Error('ERR_ACCESS_DENIED');
    });
    try {
      const outside = 1;
      expect(portableTask((x: number) => x + outside + 0.5)).toHaveProperty('source');
      expect(
        portableTask(make({ title: '', task: 'function () { return this.unchecked; }' })),
      ).toHaveProperty('reason');
    } finally {
      inspector.mockRestore();
    }
  });
});

describe('N7: the check runs no code of the user', () => {
  it('not the function, its properties, or a computed name', () => {
    const ran: string[] = [];
    const note = (what: string): string => (ran.push(what), what);
    const task = {
      [note('key')](): void {
        ran.push('body');
      },
    }['key']!;
    const trap = (): string => note('trap');
    Object.defineProperty(task, 'toString', { get: trap });
    Object.defineProperty(task, 'name', { get: trap });
    Object.defineProperty(task, 'extra', { get: trap, enumerable: true });
    Object.assign(task, { error: Object.defineProperty(new Error('x'), 'message', { get: trap }) });
    Object.assign(task, { proxy: new Proxy({}, { get: trap }) });
    portableTask(task);
    expect(ran).toEqual(['key']);
  });
});

describe('what is sent', () => {
  it('is named in stack traces', () => {
    const failing = evaluate('({ explode() { throw new Error("x"); } }).explode');
    expect(() => sent(failing)()).toThrow('x');
    try {
      sent(failing)();
    } catch (error) {
      expect((error as Error).stack).toContain('explode');
    }
  });

  it('stays strict or sloppy, as it was', () => {
    const strict = evaluate('"use strict"; (function () { return (function () { return this; })(); })');
    expect(sent(strict)()).toBeUndefined();
    const sloppy = evaluate('(function (a) { arguments[0] = 2; return a; })');
    expect(sent(sloppy)(1)).toBe(2);
  });

  it('survives a name that is no property name', () => {
    const task = Object.defineProperty((x: number) => x + 1, 'name', { value: '__proto__' });
    expect(sent(task)(1)).toBe(2);
  });
});
