import { isMarkedUntransferable } from '../core/uncloneable.ts';
import { isAnyView, isShared, isWindow, memoryOf } from './views.ts';
import { ArrayBuffer, DOMException, String, structuredClone, Uint8Array } from '../core/globals.ts';

/** Anything `postMessage()` can move instead of copy; here only what matters for checking it. */
type Movable = object;

/** Memory of WebAssembly, which cannot be moved and does not say so, consists of these. */
const pageBytes = 65_536;

/**
 * Refuses a transfer list with a buffer whose memory has moved away already. Node 20 would accept it in silence
 * and deliver an empty one; newer versions throw this same error.
 */
export function refuseDetached(transfer: readonly Movable[]): void {
  for (const movable of transfer) {
    const memory = isAnyView(movable) ? memoryOf(movable) : movable;
    if (memory instanceof ArrayBuffer && isDetached(memory)) {
      throw new DOMException('An ArrayBuffer is detached and could not be cloned.', 'DataCloneError');
    }
  }
}

function isDetached(buffer: ArrayBuffer): boolean {
  if (buffer.byteLength > 0) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

/**
 * What can be moved of a transfer list; the rest is copied, or shared if it is shared memory. A view stands for its
 * memory, if it shows all of it: what others see of it must not go away with a part.
 */
export function movableOf(transfer: readonly Movable[]): readonly Movable[] {
  const movable: Movable[] = [];
  for (const each of transfer) {
    const memory = isAnyView(each) ? memoryOf(each) : each;
    const isListed = each !== memory && movable.includes(memory);
    if (!isListed && !(isAnyView(each) && isWindow(each)) && canMove(memory)) movable.push(memory);
  }
  return movable;
}

function canMove(object: Movable): boolean {
  if (isShared(object as ArrayBufferLike)) return false;
  if (!(object instanceof ArrayBuffer)) return true;
  const isMarked = isMarkedUntransferable(object);
  if (isMarked === true) return false;
  return (isMarked === false && object.byteLength % pageBytes !== 0) || isMoved(object);
}

/** Asks to move it twice, which is refused before anything is moved; of what cannot be moved Node says so, or takes no notice. */
function isMoved(memory: ArrayBuffer): boolean {
  try {
    structuredClone(undefined, { transfer: [memory, memory] });
    return false;
  } catch (error) {
    return !String((error as Error).message).includes('unsupported type');
  }
}
