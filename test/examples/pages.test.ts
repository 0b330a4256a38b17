import { beforeAll, describe, expect, test } from 'vitest';
import { codeBlocks, compileBlocks, printedAndPromised } from '../support/code-blocks.ts';

describe.each(['streams', 'writing-a-backend', 'which-call', 'shutdown'])('docs/%s.md', (page) => {
  const blocks = codeBlocks(`docs/${page}.md`);
  const folder = `build/pages/${page}`;

  beforeAll(() => compileBlocks(blocks, folder));

  test('every code block is a file with a name', () => {
    expect(blocks.length).toBeGreaterThan(0);
    expect(blocks.map(({ name }) => name)).not.toContain('');
  });

  test.each(blocks)('the program $name prints what its comments say and exits by itself', async (block) => {
    const { printed, promised, stderr } = await printedAndPromised(block, folder);
    expect(stderr).toBe('');
    expect(promised.length).toBeGreaterThan(0);
    expect(printed).toEqual(promised);
  });
});
