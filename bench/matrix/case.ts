// node case.js <contestant> <situation> ...: cells of the table, in a process that may hang or die of them.
import { writeSync } from 'node:fs';
import { contestants } from './contestants.ts';
import { said, Scene } from './scene.ts';
import { situations } from './situations.ts';
import { type Cell, Fault } from './verdict.ts';

const [contestant, ...wanted] = process.argv.slice(2).map(Number);

function tell(cell: Cell): void {
  writeSync(3, `${JSON.stringify(cell)}\n`);
}

for (const [place, situation] of wanted.entries()) {
  const scene = new Scene(contestants[contestant]);
  try {
    await situations[situation].run(scene);
    tell({ verdict: 'right', note: '' });
  } catch (error) {
    const { verdict, message } = error instanceof Fault ? error : new Fault('wrong', said(error));
    tell({ verdict, note: message });
  }
  const isLast = place === wanted.length - 1;
  if (!isLast) await scene.end();
  else if (situations[situation].endsByItself !== true) process.exit();
}
