import { writeSync } from 'node:fs';
import { frameToBytes } from './frame-bytes.ts';
import type { FatalFrame, WorkerFrame } from './frame.ts';
import { fromBytes } from './serialize.ts';
import { Buffer } from '../core/globals.ts';

/** Frames in a stream of bytes: four bytes of length, then the frame. */
const headerBytes = 4;

/**
 * Writes a frame and returns when all of it has been taken. Where the reader is gone, nothing is written: a process
 * ends when its parent does.
 *
 * @throws when something in it cannot be copied; then nothing was written
 */
export function writeFrame(fd: number, frame: WorkerFrame | FatalFrame): void {
  const body = frameToBytes(frame);
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32LE(body.length);
  try {
    for (const part of [header, body]) writeAll(fd, part);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written);
}

/** Puts frames together from the pieces in which they arrive. */
export class FrameReader {
  readonly #onFrame: (frame: unknown) => void;
  readonly #onUnreadable: (error: unknown) => void;
  #pieces: Buffer[] = [];
  #gathered = 0;

  constructor(onFrame: (frame: unknown) => void, onUnreadable: (error: unknown) => void) {
    this.#onFrame = onFrame;
    this.#onUnreadable = onUnreadable;
  }

  push(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#gathered += piece.length;
    for (let length = this.#nextLength(); length !== undefined; length = this.#nextLength()) {
      const body = this.#take(headerBytes + length).subarray(headerBytes);
      this.#deliver(body);
    }
  }

  /** Of the next frame, when all of it is here. */
  #nextLength(): number | undefined {
    if (this.#gathered < headerBytes) return undefined;
    if (this.#pieces[0].length < headerBytes) this.#pieces = [Buffer.concat(this.#pieces)];
    const length = this.#pieces[0].readUInt32LE();
    return this.#gathered < headerBytes + length ? undefined : length;
  }

  #take(bytes: number): Buffer {
    const all = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
    this.#pieces = all.length === bytes ? [] : [all.subarray(bytes)];
    this.#gathered -= bytes;
    return all.subarray(0, bytes);
  }

  #deliver(body: Buffer): void {
    let frame: unknown;
    try {
      frame = fromBytes(body);
    } catch (error) {
      this.#onUnreadable(error);
      return;
    }
    this.#onFrame(frame);
  }
}
