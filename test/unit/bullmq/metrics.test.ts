import { expect, test } from 'vitest';
import type { HostStats } from '../../../src/bullmq/host-stats.ts';
import { metricsText } from '../../../src/bullmq/metrics.ts';

const stats: HostStats = {
  state: 'started',
  connected: true,
  chunks: { active: 1, taken: 20, lost: 2, unwanted: 3, failed: 0 },
  items: { fulfilled: 500, rejected: 4, returned: 1 },
  manager: { available: 1, leased: 1 } as HostStats['manager'],
};

test('S32 every series has a type, and labels are escaped', () => {
  const text = metricsText('a "queue"', stats);
  const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  for (const line of series) {
    const name = line.split('{')[0];
    expect(line).toMatch(/^leasepool_host_\w+\{queue="a \\"queue\\""(,\w+="\w+")?\} \d+$/);
    expect(text).toContain(`# TYPE ${name} ${name.endsWith('_total') ? 'counter' : 'gauge'}\n`);
  }
  expect(text).toContain('leasepool_host_up{queue="a \\"queue\\""} 1\n');
  expect(text).toContain('outcome="fulfilled"} 500\n');
});

test('S32 a host that drains or has lost Redis is not up', () => {
  for (const change of [{ state: 'draining' }, { connected: false }] as const)
    expect(metricsText('q', { ...stats, ...change })).toContain('leasepool_host_up{queue="q"} 0\n');
});
