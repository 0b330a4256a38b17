import type { HostStats } from './host-stats.ts';

/** The numbers of a host in the text format of Prometheus. Pure. */
export function metricsText(queue: string, { state, connected, chunks, items, manager }: HostStats): string {
  const of = `queue="${queue.replace(/[\\"\n]/g, (each) => (each === '\n' ? '\\n' : `\\${each}`))}"`;
  const lines = (name: string, type: string, help: string, values: Record<string, number>): string[] => [
    `# HELP leasepool_host_${name} ${help}`,
    `# TYPE leasepool_host_${name} ${type}`,
    ...Object.entries(values).map(([labels, value]) => `leasepool_host_${name}{${of}${labels}} ${value}`),
  ];
  return [
    ...lines('up', 'gauge', 'Takes chunks and reaches Redis.', {
      '': Number(state === 'started' && connected),
    }),
    ...lines('chunks_active', 'gauge', 'Chunks it runs now.', { '': chunks.active }),
    ...lines('chunks_total', 'counter', 'Chunks taken, by what came of them.', {
      ',state="taken"': chunks.taken,
      ',state="lost"': chunks.lost,
      ',state="unwanted"': chunks.unwanted,
      ',state="failed"': chunks.failed,
    }),
    ...lines('items_total', 'counter', 'Items answered, by outcome.', {
      ',outcome="fulfilled"': items.fulfilled,
      ',outcome="rejected"': items.rejected,
      ',outcome="returned"': items.returned,
    }),
    ...lines('pools', 'gauge', 'Local pools, by state.', {
      ',state="available"': manager.available,
      ',state="leased"': manager.leased,
    }),
    '',
  ].join('\n');
}
