import { channel } from 'node:diagnostics_channel';
import { expect, onTestFinished, test } from 'vitest';
import { batchTrace, itemSend, itemSettle, itemSubmit } from '../../../src/diagnostics/channels.ts';
import { observeItems } from '../../../src/diagnostics/item-times.ts';

const item = (grinder: string | undefined) => ({ task: 'hash', owner: undefined, grinder });

function observed() {
  const seen: unknown[] = [];
  const end = observeItems({
    wants: (grinder) => grinder === 'mine',
    waited: (grinder, seconds) => seen.push(['waited', grinder, seconds >= 0]),
    settled: (grinder, seconds, { status }) => seen.push(['settled', grinder, seconds >= 0, status]),
    batchEnded: ({ grinder, size }) => seen.push(['batch', grinder, size]),
  });
  onTestFinished(end);
  return { seen, end };
}

test('items and batches of the wanted grinder are told of, and no others', () => {
  const { seen } = observed();
  for (const each of [item('mine'), item('other'), item(undefined)]) {
    itemSubmit.publish({ item: each });
    itemSend.publish({ item: each, leaseId: 'lease' });
    itemSettle.publish({ item: each, status: 'rejected', error: new Error('bad') });
  }
  for (const grinder of ['mine', 'other'])
    batchTrace.asyncEnd.publish({ grinder, batch: 'batch', leaseId: 'lease', size: 3 });
  expect(seen).toEqual([
    ['waited', 'mine', true],
    ['settled', 'mine', true, 'rejected'],
    ['batch', 'mine', 3],
  ]);
});

test('an item that was submitted before is passed over, for nobody knows its age', () => {
  const { seen } = observed();
  itemSend.publish({ item: item('mine'), leaseId: 'lease' });
  itemSettle.publish({ item: item('mine'), status: 'fulfilled', error: undefined });
  expect(seen).toEqual([]);
});

test('nobody listens any more once it is ended', () => {
  const { end } = observed();
  end();
  expect(channel('leasepool:item:submit').hasSubscribers).toBe(false);
  expect(channel('tracing:leasepool:batch:asyncEnd').hasSubscribers).toBe(false);
});
