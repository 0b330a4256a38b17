import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { barText, type BarState, isWideLocale } from '../../../src/cli/bar.ts';

const state: BarState = { lines: 104_000, failed: 0, elapsedSeconds: 5, share: 0.52, secondsLeft: 5 };

describe('the text of a bar', () => {
  test('has everything where there is room', () => {
    const text = '52% | 104,000 lines, 0 failed, 5s | 5s left';
    expect(barText(state, 200, false)).toBe(`${'█'.repeat(21)}${'░'.repeat(19)} ${text}`);
    expect(barText({ ...state, share: undefined }, 200, false)).toBe('104,000 lines, 0 failed, 5s');
  });

  test.each([
    [80, '██████████████████░░░░░░░░░░░░░░░░░ 52% | 104,000 lines, 0 failed, 5s | 5s left'],
    [45, '█████░░░░░ 52% | 104,000 lines, 0 failed, 5s'],
    [36, '███░░ 52% | 104,000 lines, 0 failed'],
    [30, '█████░░░░ 52% | 104,000 lines'],
    [20, '███░░ 52% | 104,000'],
    [17, '52% | 104,000'],
    [5, '52%'],
    [3, ''],
  ])('leaves out what matters least in %d columns', (columns, text) => {
    expect(barText(state, columns, false)).toBe(text);
  });

  test('tells times and counts for people', () => {
    const late = { ...state, lines: 1_234_567, failed: 1_000, elapsedSeconds: 3_725, secondsLeft: 65 };
    expect(barText(late, 200, false)).toContain('1,234,567 lines, 1,000 failed, 1h2m | 1m5s left');
    for (const secondsLeft of [NaN, Infinity])
      expect(barText({ ...state, secondsLeft }, 200, false)).not.toContain('left');
  });

  test('fits, with room for the cursor, also where its signs are wide (property)', () => {
    const share = fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined });
    const count = fc.nat(10_000_000);
    const seconds = fc.double({ min: 0, max: 1e6, noNaN: true });
    const states = fc.record({
      lines: count,
      failed: count,
      elapsedSeconds: seconds,
      share,
      secondsLeft: seconds,
    });
    fc.assert(
      fc.property(states, fc.integer({ min: 1, max: 250 }), fc.boolean(), (any, columns, isWide) => {
        const text = barText(any, columns, isWide);
        const signs = text.match(/[█░]/g)?.length ?? 0;
        expect(text.length + (isWide ? signs : 0)).toBeLessThan(columns);
      }),
    );
  });
});

test('terminals of some locales draw signs of ambiguous width in two columns', () => {
  expect(isWideLocale({ LANG: 'ja_JP.UTF-8' })).toBe(true);
  expect(isWideLocale({ LC_ALL: 'C', LANG: 'ja_JP.UTF-8' })).toBe(false);
  expect(isWideLocale({ LC_ALL: '', LC_CTYPE: 'zh_CN.UTF-8', LANG: 'C' })).toBe(true);
  expect(isWideLocale({})).toBe(false);
});
