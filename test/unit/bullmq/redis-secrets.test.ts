import { EventEmitter } from 'node:events';
import { inspect } from 'node:util';
import type { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import type { FleetConnection } from '../../../src/bullmq/backend-options.ts';
import { RedisSecrets } from '../../../src/bullmq/redis-secrets.ts';

const url = 'redis://me:hunter2%2F@host';

function cleaned<E extends Error>(error: E, connection: FleetConnection = url): E {
  new RedisSecrets(connection).clean(error);
  return error;
}

const shown = (error: Error): string => inspect(error, { depth: Infinity, showHidden: true });

describe('an error of a connection', () => {
  test('S32 keeps the name of its command, not the arguments', () => {
    const command = { name: 'hello', args: ['3', 'AUTH', 'me', 'hunter2/'] };
    const error = cleaned(Object.assign(new Error('WRONGPASS invalid'), { command }));
    expect(error.command).toEqual({ name: 'hello' });
    expect(command.args).toHaveLength(4);
    expect(shown(error)).not.toContain('hunter2');
  });

  test('S32 does not repeat the arguments of a command that Redis does not know', () => {
    const said = "ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'me' 'pw' ";
    expect(cleaned(new Error(said)).message).toBe("ERR unknown command 'HELLO'");
  });

  test('S32 does not name the user that may not do something', () => {
    const said = "NOPERM User me has no permissions to run the 'xadd' command";
    expect(cleaned(new Error(said)).message).toBe(said.replace('User me', 'User ***'));
  });

  test.each<[string, FleetConnection]>([
    ['a URL', url],
    ['a query', 'redis://host?password=hunter2/'],
    ['options', { password: 'hunter2/' }],
    ['sentinels', { sentinels: [{ host: 'a' }], sentinelPassword: 'hunter2/', name: 'main' }],
    ['TLS', { tls: { key: [Buffer.from('hunter2/')] } }],
    ['a passphrase', { tls: { key: [{ pem: 'x', passphrase: 'hunter2/' }] } }],
  ])('S32 has nothing of %s in its message, stack, fields and causes', (_what, connection) => {
    const cause = new Error('it said hunter2/ twice: hunter2/');
    const inner = new AggregateError([cause, 'hunter2/'], 'several', { cause });
    const error = Object.assign(new Error('hunter2/', { cause: inner }), {
      input: 'redis://x:hunter2/@host',
      options: { host: 'host', password: 'hunter2/' },
      previousErrors: [new Error('hunter2/')],
      lastNodeError: cause,
    });
    const { options } = error;
    expect(shown(cleaned(error, connection))).not.toContain('hunter2');
    expect(error.message).toBe('***');
    expect(cause.message).toBe('it said *** twice: ***');
    expect(error.options).toEqual({ host: 'host', password: '***' });
    expect(options.password).toBe('hunter2/'); // They may be those of the connection.
  });

  test('S32 stays as it is otherwise, also when it goes in circles', () => {
    const error = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), {
      code: 'ECONNREFUSED',
      port: 1,
    });
    error.cause = error;
    const before = shown(error);
    expect(shown(cleaned(error, { password: '1' }))).toBe(before);
    expect(cleaned(error)).toMatchObject({ code: 'ECONNREFUSED', port: 1, cause: error });
  });

  test('S32 is clean before anybody else hears of it, also that of a copy of the connection', () => {
    class Connection extends EventEmitter {
      duplicate(): Connection {
        return new Connection();
      }
    }
    const redis = new Connection();
    const heard: string[] = [];
    const hear = (error: Error): unknown => heard.push(error.message);
    redis.on('error', hear);
    const guarded = new RedisSecrets(url).guard(redis as unknown as Redis);
    const copy = guarded.duplicate().duplicate();
    copy.on('error', hear);
    guarded.emit('error', new Error('hunter2/'));
    copy.emit('error', new Error('hunter2/'));
    expect(heard).toEqual(['***', '***']);
  });

  test('S32 of a command is clean before the command hears of it, and an own listener is asked as before', () => {
    const error = new Error('hunter2/');
    const options = { reconnectOnError: (given: Error) => (given === error ? 2 : false) as 2 };
    expect(new RedisSecrets(url).cleanReplies(options)(error)).toBe(2);
    expect(new RedisSecrets(url).cleanReplies({})(error)).toBe(false);
    expect(error.message).toBe('***');
  });
});
