import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const withoutIndent = (code: string): string => code.replace(/^ +/gm, '').trim();

test.each([['docs/threads.md', ['10-submit-from-thread.ts', 'threads/external-submitter.ts']]])(
  'the code in %s is that of the examples, which run',
  (page, files) => {
    const examples = files.map((file) => withoutIndent(readFileSync(`examples/${file}`, 'utf8')));
    const blocks = [...readFileSync(page, 'utf8').matchAll(/^```ts\n([^]*?)^```$/gm)];
    expect(blocks.length).toBeGreaterThan(1);
    for (const [, code] of blocks) {
      expect(
        examples.some((example) => example.includes(withoutIndent(code))),
        code,
      ).toBe(true);
    }
  },
);
