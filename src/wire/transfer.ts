/** Anything `postMessage()` can move instead of copy; here only what matters for checking it. */
type Movable = object;

/**
 * Refuses a transfer list with a buffer whose memory has moved away already. Node 20 would accept it in silence
 * and deliver an empty one; newer versions throw this same error.
 */
export function refuseDetached(transfer: readonly Movable[]): void {
  for (const movable of transfer) {
    if (movable instanceof ArrayBuffer && isDetached(movable)) {
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
