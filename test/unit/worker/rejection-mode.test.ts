import { expect, test } from 'vitest';
import { rejectionMode } from '../../../src/worker/rejection-mode.ts';

test.each([
  ['throw', [], ''],
  ['throw', ['--no-warnings', '--title', 'unhandled-rejections=warn'], '--max-old-space-size=100'],
  ['warn', ['--unhandled-rejections=warn'], ''],
  ['warn', ['--unhandled-rejections', 'warn', '--no-warnings'], ''],
  ['none', ['--no-warnings', '--unhandled_rejections=none'], ''],
  ['warn', [], '--unhandled-rejections=warn'],
  ['warn', [], '--no-warnings "--unhandled-rejections=warn"'],
  ['strict', [], '--no-warnings --unhandled-rejections strict'],
  ['none', ['--unhandled-rejections=warn', '--unhandled-rejections=none'], ''],
  ['warn', ['--unhandled-rejections=warn'], '--unhandled-rejections=strict'],
])('N2 unhandled rejections are as Node has it: %s with %j and NODE_OPTIONS %j', (mode, flags, options) => {
  expect(rejectionMode(flags, options)).toBe(mode);
});

test('N2 a worker reads its own flags and environment', () => {
  expect(rejectionMode()).toBe('throw');
});
