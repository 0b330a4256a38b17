import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Command, tasks } from '../support/command.ts';

const megabyte = 1024 * 1024;

/** Of a process that runs, since it started. */
function peakMegabytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) / 1024;
}

test.skipIf(process.platform !== 'linux')(
  'an input of 200 MB takes no more memory than one of 20 MB (reads /proc)',
  async () => {
    const command = new Command(['run', `${tasks}#hash`, '--workers', '2', '--batch', '50']);
    const { stdin, stdout, pid } = command.child;
    let results = 0;
    stdout.removeAllListeners('data').on('data', (text: string) => {
      for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) results++;
    });
    const line = `${JSON.stringify({ text: 'x'.repeat(1000) })}\n`;
    const chunk = line.repeat(50);
    let lines = 0;
    const feed = async (bytes: number): Promise<void> => {
      for (let fed = 0; fed < bytes; fed += chunk.length, lines += 50)
        if (!stdin.write(chunk)) await new Promise((resolve) => stdin.once('drain', resolve));
    };
    await feed(20 * megabyte);
    const early = peakMegabytes(pid!);
    await feed(180 * megabyte);
    const late = peakMegabytes(pid!);
    stdin.end();
    const { exitCode, stderr } = await command.ended();
    expect([exitCode, stderr, results]).toEqual([0, '', lines]);
    // The young generation of newer versions of Node may grow by twice as much.
    expect(late - early).toBeLessThan(parseInt(process.versions.node, 10) < 24 ? 64 : 128);
    expect(late).toBeLessThan(400);
  },
  180_000,
);
