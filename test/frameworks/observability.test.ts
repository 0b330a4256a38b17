import { readFileSync } from 'node:fs';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { enableMetrics } from 'leasepool/otel';
import { registerMetrics } from 'leasepool/prometheus';
import { Registry } from 'prom-client';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { codeBlocks, compileBlocks, printedAndPromised } from '../support/code-blocks.ts';
import { threadGrinder } from '../support/grinder.ts';
import { until } from '../support/until.ts';
import { square } from '../tasks/grinder-tasks.js';

// A compiler takes seconds, and many times that on a busy machine.
vi.setConfig({ hookTimeout: 120_000 });

const file = 'docs/observability.md';
const page = readFileSync(file, 'utf8');

describe('the programs of docs/observability.md', () => {
  const blocks = codeBlocks(file);
  const programs = blocks.filter(({ name }) => !blocks.some(({ code }) => code.includes(`'./${name}.ts'`)));
  const folder = 'build/pages/observability';

  beforeAll(() => compileBlocks(blocks, folder));

  test('have names, as the modules they import have', () => {
    expect(programs.length).toBeGreaterThan(3);
    expect(blocks.map(({ name }) => name)).not.toContain('');
  });

  test.each(programs)('$name prints what its comments say and exits by itself', async (block) => {
    const { printed, promised, stderr } = await printedAndPromised(block, folder);
    expect(stderr).toBe('');
    expect(promised.length).toBeGreaterThan(0);
    expect(printed).toEqual(promised);
  });
});

/** The rows of the first table after this text: the cells of each, code marks taken off. */
function tableAfter(text: string): string[][] {
  const start = page.indexOf(text);
  expect(start, text).toBeGreaterThan(0);
  const [table] = /(^\|.*\n)+/m.exec(page.slice(start)) ?? [''];
  return table
    .trimEnd()
    .split('\n')
    .slice(2)
    .map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replace(/^`(.*)`$/, '$1')),
    );
}

/** The fields of an interface in a declaration file, those of a nested type as `outer.inner`. */
function fieldsOf(type: string, declarations: string): string[] {
  const [, body] = new RegExp(`interface ${type} \\{\\n([^]*?)^\\}`, 'm').exec(declarations) ?? ['', ''];
  let outer = '';
  return body.split('\n').flatMap((line) => {
    const [, indent, name, nested] = /^( +)(?:readonly )?(\w+)\??: ?(\{)?/.exec(line) ?? [];
    if (name === undefined) return [];
    if (nested !== undefined) {
      outer = `${name}.`;
      return [];
    }
    return [indent.length > 4 ? outer + name : name];
  });
}

describe('the tables of docs/observability.md', () => {
  const firstCells = (text: string): string[] => tableAfter(text).map(([cell]) => cell);

  test('have a row for each field of the stats', () => {
    const [grinder, manager, histogram] = ['grinder/stats', 'lease/stats', 'diagnostics/histogram'].map(
      (name) => readFileSync(`dist/${name}.d.ts`, 'utf8'),
    );
    expect(firstCells('\n`grinder.stats()`:')).toEqual(fieldsOf('GrinderStats', grinder));
    expect(firstCells('\n`manager.stats()`:')).toEqual(
      fieldsOf('ManagerStats', manager).flatMap((field) =>
        field === 'leases'
          ? ['leases', ...fieldsOf('LeaseStats', manager).map((of) => `leases[].${of}`)]
          : [field],
      ),
    );
    expect(firstCells('\nA histogram:')).toEqual(fieldsOf('HistogramStats', histogram));
  });

  test('have a row for each channel, with the fields of its message', () => {
    const declarations = readFileSync('dist/diagnostics/channels.d.ts', 'utf8');
    const channels = [...declarations.matchAll(/^ +'([\w:]+)': (\w+);$/gm)];
    expect(channels.length).toBeGreaterThan(15);
    expect(tableAfter('| channel ').map(([name, , message]) => [name, message.replaceAll('`', '')])).toEqual(
      channels.map(([, name, type]) => [name, fieldsOf(type, declarations).join(', ')]),
    );
  });

  test('have a row for each metric, with its label, and alerts name no other', async () => {
    const { manager, grinder } = await threadGrinder({ batchSizeThreshold: 1 });
    const registry = new Registry();
    const reader = new (class extends MetricReader {
      protected override onForceFlush = async (): Promise<void> => {};
      protected override onShutdown = async (): Promise<void> => {};
    })();
    const meterProvider = new MeterProvider({ readers: [reader] });
    onTestFinished(registerMetrics({ manager, grinder, registry, histograms: true }));
    onTestFinished(enableMetrics({ manager, grinder, meterProvider, histograms: true }));
    await grinder.submit(square, [1]);
    await until(() => grinder.stats().batchesInFlight === 0);

    const rows = tableAfter('| Prometheus ');
    const shown = await registry.getMetricsAsJSON();
    const others = ['manager', 'grinder', 'le'];
    const labelled = shown.map(({ name, values }) => {
      const label = Object.keys(values[0].labels).find((each) => !others.includes(each));
      return `${name} ${label ?? ''}`;
    });
    expect(rows.map(([name, , label]) => `${name} ${label}`).sort()).toEqual(labelled.sort());
    const { resourceMetrics } = await reader.collect();
    const collected = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    expect(rows.map(([, name]) => name).sort()).toEqual(collected.map((each) => each.descriptor.name).sort());
    const [alerts] = /```yaml[^]*?```/.exec(page) ?? [''];
    const named = new Set(alerts.match(/\bleasepool_\w+/g));
    expect(named.size).toBeGreaterThan(4);
    const known = rows.map(([name]) => name);
    expect([...named].filter((name) => !known.includes(name))).toEqual([]);
  });
});
