import { Writable } from 'node:stream';
import type { Logger } from 'leasepool';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { threadGrinder } from '../support/grinder.ts';
import { rejection } from '../support/manager-start.ts';
import { exit } from '../tasks/grinder-tasks.js';

test('pino logs as a logger, with fields, levels and the stack of an error', async () => {
  const lines: any[] = [];
  const stream = new Writable({
    write: (line, _, done) => (lines.push(JSON.parse(String(line))), done()),
  });
  const log = pino({ level: 'debug', serializers: { error: pino.stdSerializers.err } }, stream);
  const logger: Logger = {
    debug: (message, fields) => log.debug(fields, message),
    info: (message, fields) => log.info(fields, message),
    warn: (message, fields) => log.warn(fields, message),
    error: (message, fields) => log.error(fields, message),
  };
  const { grinder } = await threadGrinder({ batchSizeThreshold: 1, manager: { logger } });
  await rejection(grinder.submit(exit, [3]));
  expect(lines.find(({ msg }) => msg === 'pool opened')).toMatchObject({
    level: pino.levels.values['debug'],
    pool: 'leasepool-1',
  });
  expect(lines.find(({ msg }) => msg === 'worker died')).toMatchObject({
    level: pino.levels.values['warn'],
    pool: 'leasepool-1',
    worker: 0,
    error: { stack: expect.stringContaining('exit') as string },
  });
});
