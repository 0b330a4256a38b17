/** A chunk as the data of a queue job, and back: JSON, which dashboards can show. Pure. */

/** A task by the name its module has in the fleet. */
export interface WireTask {
  readonly module: string;
  readonly name: string;
}

export interface WireItem {
  /** The same object for all items of a task. */
  readonly task: WireTask;
  /** The arguments where JSON carries them without loss, otherwise serialised. */
  readonly args: readonly unknown[] | Uint8Array;
  readonly owner: string | undefined;
  readonly timeoutSeconds: number | undefined;
  /** Milliseconds on the clock of Redis; it must not begin later. */
  readonly beginBefore: number | undefined;
}

export interface WireChunk {
  /** The stream its manager reads. */
  readonly replyTo: string;
  /** Milliseconds on the clock of Redis; nobody waits for it later. */
  readonly deadline: number;
  /** A host died under these items: they run one at a time, each announced before it begins. */
  readonly isCareful: boolean;
  readonly items: readonly WireItem[];
}

type PerItem<T> = readonly (readonly [index: number, value: T])[];

/** The data of the queue job. */
export interface ChunkData {
  readonly version: 1;
  readonly replyTo: string;
  readonly deadline: number;
  readonly isCareful: boolean;
  readonly tasks: readonly (readonly [module: string, name: string])[];
  /** Place in `tasks`, one for all or one each. */
  readonly taskOf: number | readonly number[];
  /** Of each item: its arguments as they are, or serialised in base64. */
  readonly args: readonly (readonly unknown[] | string)[];
  readonly owners?: PerItem<string>;
  readonly timeouts?: PerItem<number>;
  readonly beginBefore?: PerItem<number>;
}

export function encodeChunk({ replyTo, deadline, isCareful, items }: WireChunk): ChunkData {
  const places = new Map<WireTask, number>();
  const tasks: [string, string][] = [];
  const taskOf = items.map(({ task }) => {
    let place = places.get(task);
    if (place === undefined) {
      places.set(task, (place = tasks.length));
      tasks.push([task.module, task.name]);
    }
    return place;
  });
  return {
    version: 1,
    replyTo,
    deadline,
    isCareful,
    tasks,
    taskOf: tasks.length === 1 ? 0 : taskOf,
    args: items.map(({ args }) => (args instanceof Uint8Array ? base64(args) : args)),
    ...given('owners', items, ({ owner }) => owner),
    ...given('timeouts', items, ({ timeoutSeconds }) => timeoutSeconds),
    ...given('beginBefore', items, ({ beginBefore }) => beginBefore),
  };
}

function base64({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}

/** Nothing where no item has one. */
function given<T>(
  key: string,
  items: readonly WireItem[],
  of: (item: WireItem) => T | undefined,
): Record<string, PerItem<T>> {
  const entries = items.flatMap((item, index) => {
    const value = of(item);
    return value === undefined ? [] : [[index, value] as const];
  });
  return entries.length === 0 ? {} : { [key]: entries };
}

/** @throws TypeError when it is not what {@link encodeChunk} made */
export function decodeChunk(data: unknown): WireChunk {
  const chunk = checked(data);
  const owners = new Map(chunk.owners);
  const timeouts = new Map(chunk.timeouts);
  const beginBefore = new Map(chunk.beginBefore);
  const tasks = chunk.tasks.map(([module, name]) => ({ module, name }));
  const items = chunk.args.map((args, index) => {
    const task = tasks[typeof chunk.taskOf === 'number' ? chunk.taskOf : chunk.taskOf[index]];
    if (task === undefined) throw malformed('an item has no task');
    return {
      task,
      args: typeof args === 'string' ? Buffer.from(args, 'base64') : args,
      owner: owners.get(index),
      timeoutSeconds: timeouts.get(index),
      beginBefore: beginBefore.get(index),
    };
  });
  return { replyTo: chunk.replyTo, deadline: chunk.deadline, isCareful: chunk.isCareful, items };
}

function checked(data: unknown): ChunkData {
  if (typeof data !== 'object' || data === null) throw malformed('it is no object');
  const chunk = data as { [K in keyof ChunkData]?: unknown };
  if (chunk.version !== 1) throw malformed(`its version is ${String(chunk.version)}, and this host reads 1`);
  const isArgs = (each: unknown): boolean => typeof each === 'string' || Array.isArray(each);
  const isTask = (each: unknown): boolean =>
    Array.isArray(each) && each.length === 2 && each.every((part) => typeof part === 'string');
  const ofs = Array.isArray(chunk.taskOf) ? chunk.taskOf : [chunk.taskOf];
  const numbers = [chunk.deadline, ...ofs];
  const pairs = [chunk.owners, chunk.timeouts, chunk.beginBefore].filter((each) => each !== undefined);
  if (
    typeof chunk.replyTo !== 'string' ||
    !Array.isArray(chunk.args) ||
    !chunk.args.every(isArgs) ||
    !numbers.every((each) => Number.isFinite(each) && each >= 0) ||
    !pairs.every((each) => Array.isArray(each) && each.every(Array.isArray)) ||
    !Array.isArray(chunk.tasks) ||
    !chunk.tasks.every(isTask)
  )
    throw malformed('a field is missing or of another type');
  return chunk as ChunkData;
}

function malformed(why: string): TypeError {
  return new TypeError(`this queue job is no chunk of leasepool: ${why}`);
}
