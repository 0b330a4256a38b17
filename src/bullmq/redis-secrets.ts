import type { Redis, RedisOptions } from 'ioredis';
import { hidden, isSecretName, withoutSecrets } from '../backend.ts';
import type { FleetConnection } from './backend-options.ts';

/** A shorter text is found in too many others, which would become unreadable. */
const shortest = 3;
/** Errors within errors, and fields within fields, that are looked through. */
const deepest = 8;

/** Redis repeats the arguments of a command that it does not know, and names the user that may not do something. */
const repeated = /, with args beginning with: .*/s;
const refusedUser = /^(NOPERM )?User .* has no permissions/i;

/** Takes what a connection is told in confidence out of its errors, before anybody else sees them. */
export class RedisSecrets {
  /** The longest first: one may hold another. */
  readonly #texts: readonly string[];

  constructor(connection: FleetConnection) {
    const isUrl = typeof connection === 'string' || connection instanceof URL;
    const texts = isUrl ? secretsOfUrl(new URL(connection)) : secretsIn(connection, 0);
    this.#texts = [...new Set(texts)]
      .filter((text) => text.length >= shortest)
      .toSorted((a, b) => b.length - a.length);
  }

  /** An option of ioredis that is asked about each error reply before its command hears of it. */
  cleanReplies({ reconnectOnError }: RedisOptions): NonNullable<RedisOptions['reconnectOnError']> {
    return (error) => {
      this.clean(error);
      return reconnectOnError?.(error) ?? false;
    };
  }

  /** Cleans what the connection itself has to tell, also that of copies of it which BullMQ makes. @returns it */
  guard(redis: Redis): Redis {
    redis.prependListener('error', (error) => this.clean(error));
    const duplicate = redis.duplicate.bind(redis);
    redis.duplicate = (override) => this.guard(duplicate(override));
    return redis;
  }

  /** Takes the secrets out of an error, its causes and its fields; the arguments of its command too, which hold what jobs are given. */
  clean(error: unknown): void {
    this.#cleanError(error, new Set(), 0);
  }

  #cleanError(error: unknown, seen: Set<unknown>, depth: number): void {
    if (!(error instanceof Error) || seen.has(error) || depth > deepest) return;
    seen.add(error);
    const { message, stack } = error;
    replace(error, 'stack', stack, typeof stack === 'string' ? this.#cleanText(stack) : stack);
    replace(error, 'message', message, this.#cleanText(message));
    for (const key of Reflect.ownKeys(error)) {
      if (key === 'stack' || key === 'message') continue;
      const { value } = Object.getOwnPropertyDescriptor(error, key)!;
      replace(error, key, value, this.#cleanField(String(key), value, seen, depth));
    }
  }

  /** Errors are cleaned where they are. Everything else is copied: it may be somebody's options. */
  #cleanField(key: string, value: unknown, seen: Set<unknown>, depth: number): unknown {
    if (key === 'command') return { name: (value as { name?: unknown } | undefined)?.name };
    if (typeof value === 'string') return isSecretName(key) ? hidden : this.#cleanText(value);
    if (typeof value !== 'object' || value === null) return value;
    if (value instanceof Error) {
      this.#cleanError(value, seen, depth + 1);
      return value;
    }
    if (depth > deepest || ArrayBuffer.isView(value)) return undefined;
    if (Array.isArray(value)) return value.map((each) => this.#cleanField('', each, seen, depth + 1));
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [name, this.#cleanField(name, each, seen, depth + 1)]),
    );
  }

  #cleanText(text: string): string {
    const known = this.#texts.reduce((cleaned, secret) => cleaned.replaceAll(secret, hidden), text);
    return withoutSecrets(known)
      .replace(repeated, '')
      .replace(refusedUser, `$1User ${hidden} has no permissions`);
  }
}

function replace(error: Error, key: PropertyKey, before: unknown, after: unknown): void {
  if (Object.is(before, after)) return;
  const { enumerable = false } = Object.getOwnPropertyDescriptor(error, key) ?? {};
  Reflect.defineProperty(error, key, { value: after, enumerable, writable: true, configurable: true });
}

function secretsOfUrl({ password, searchParams }: URL): string[] {
  const inQuery = [...searchParams].filter(([name]) => isSecretName(name)).map(([, value]) => value);
  return [password, decodeURIComponent(password), ...inQuery];
}

/** Names of users are no secrets by themselves, and likely to be words of a message. */
function secretsIn(value: unknown, depth: number): string[] {
  if (typeof value !== 'object' || value === null || depth > deepest) return [];
  return Object.entries(value).flatMap(([name, each]: [string, unknown]) => {
    if (!isSecretName(name) || /name$/i.test(name)) return secretsIn(each, depth + 1);
    return textsOf(each, depth);
  });
}

function textsOf(value: unknown, depth: number): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'number') return [String(value)];
  if (ArrayBuffer.isView(value))
    return [Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()];
  if (Array.isArray(value)) return value.flatMap((each) => textsOf(each, depth));
  return secretsIn(value, depth + 1);
}
