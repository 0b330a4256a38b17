import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface Census {
  readonly descriptors: number;
  readonly threads: number;
  readonly children: number;
  readonly listeners: number;
  /** Timers, handles and requests that keep the process alive. */
  readonly resources: number;
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    const children = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8');
    return children.split(' ').filter(Boolean).map(Number);
  });
}

/** What there is of everything that could be left behind; Linux only. */
export function census(): Census {
  return {
    descriptors: Object.entries(descriptors())
      .filter(([kind]) => !isModule(kind))
      .reduce((sum, [, times]) => sum + times, 0),
    threads: readdirSync('/proc/self/task').length,
    children: childrenOf(process.pid).length,
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    resources: process.getActiveResourcesInfo().filter((type) => !/^(TTYWrap|PipeWrap|Immediate)$/.test(type))
      .length,
  };
}

/** What the open descriptors are, for whoever has too many of them. */
export function descriptors(): Record<string, number> {
  const kinds: Record<string, number> = {};
  for (const descriptor of readdirSync('/proc/self/fd')) {
    let kind: string;
    try {
      kind = readlinkSync(`/proc/self/fd/${descriptor}`).replace(/^(pipe|socket):.*/, '$1');
    } catch {
      continue; // That of the directory itself.
    }
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}

/** A thread that has to be ended while it loads leaves modules open, and that is Node's. */
const isModule = (kind: string): boolean => /\.[cm]?js$/.test(kind);

/** How many of those there are. */
export const openModules = (): number =>
  Object.entries(descriptors())
    .filter(([kind]) => isModule(kind))
    .reduce((sum, [, times]) => sum + times, 0);

/** The census once it is no more than this one, or after ten seconds as it is then. */
export async function censusBackAt(before: Census): Promise<Census> {
  const giveUpAt = performance.now() + 10_000;
  const isBack = (now: Census): boolean =>
    Object.entries(before).every(([what, count]) => now[what as keyof Census] <= (count as number));
  for (;;) {
    const now = census();
    if (isBack(now) || performance.now() > giveUpAt) return now;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
