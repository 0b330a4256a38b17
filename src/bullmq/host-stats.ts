import type { ManagerStats } from '../index.ts';

export interface HostStats {
  readonly state: 'stopped' | 'starting' | 'started' | 'draining';
  /** Redis answers. */
  readonly connected: boolean;
  readonly chunks: {
    /** Running now. */
    readonly active: number;
    /** Taken since the start. */
    readonly taken: number;
    /** Taken for the second time, after another host: reported to their manager and not run. */
    readonly lost: number;
    /** Not run because nobody waited for them any more. */
    readonly unwanted: number;
    /** That failed as a whole: malformed, or their answers could not be written. */
    readonly failed: number;
  };
  readonly items: { readonly fulfilled: number; readonly rejected: number; readonly returned: number };
  readonly manager: ManagerStats;
}
