import { type FatalFrame, type HostFrame, type WorkerFrame, withValues } from './frame.ts';
import { messageBytesLimit, serialize, withoutPlatformObjects } from './serialize.ts';

/** A frame in bytes, of which only the values are looked through. @throws what `toBytes` throws */
export function frameToBytes(
  frame: HostFrame | WorkerFrame | FatalFrame,
  limit: number = messageBytesLimit,
): Buffer {
  return serialize(withValues(frame, withoutPlatformObjects), limit);
}
