import { expect, test } from 'vitest';
import { decodeChunk, encodeChunk, type WireItem } from '../../../src/bullmq/chunk-codec.ts';

const resize = { module: 'file:///tasks.js', name: 'resize' };

function item(more: Partial<WireItem> = {}): WireItem {
  return {
    task: resize,
    args: ['photo', 7],
    owner: undefined,
    timeoutSeconds: undefined,
    beginBefore: undefined,
    ...more,
  };
}

const head = { replyTo: 'bull:grind:replies:1', deadline: 1_700_000_000_000, isCareful: false };

test('M8 a chunk arrives as it was sent, through JSON', () => {
  const chunk = {
    ...head,
    isCareful: true,
    items: [
      item({ args: Buffer.from([0, 255, 10]), timeoutSeconds: 0.5 }),
      item({ task: { ...resize, name: 'crop' }, args: Buffer.alloc(0), owner: 'request 7' }),
      item({ task: { module: 'photos/tasks', name: 'resize' }, beginBefore: 1_700_000_000_000.25 }),
    ],
  };
  expect(decodeChunk(JSON.parse(JSON.stringify(encodeChunk(chunk))))).toEqual(chunk);
});

test('M8 what all items have in common is sent once, and what none has is not', () => {
  const data = encodeChunk({ ...head, items: Array.from({ length: 100 }, () => item()) });
  expect(data.tasks).toEqual([['file:///tasks.js', 'resize']]);
  expect(data.taskOf).toBe(0);
  expect(Object.keys(data)).not.toContain('owners');
});

test.each([
  ['nothing', undefined, 'no object'],
  ['an older chunk', { version: 0 }, 'version is 0'],
  ['a chunk without a field', { replyTo: undefined }, 'field'],
  ['arguments that are no array', { args: [7] }, 'field'],
  ['a task that is no pair', { tasks: ['resize'] }, 'field'],
  ['a task that is not there', { taskOf: [5] }, 'no task'],
  ['limits that are no pairs', { timeouts: [1, 2] }, 'field'],
])('S24 %s is refused', (_what, change, why) => {
  const data = change === undefined ? undefined : { ...encodeChunk({ ...head, items: [item()] }), ...change };
  expect(() => decodeChunk(data)).toThrow(why);
});
