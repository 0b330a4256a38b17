import { writeSync } from 'node:fs';
import { fromBytes, toBytes } from './serialize.ts';

/** Frames in a stream of bytes: four bytes of length, then the frame. */
const headerBytes = 4;

/** Writes a frame and returns when all of it has been taken. @throws when something in it cannot be copied; then nothing was written */
export function writeFrame(fd: number, frame: unknown): void {
  const body = toBytes(frame);
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32LE(body.length);
  for (const part of [header, body]) {
    for (let written = 0; written < part.length;) written += writeSync(fd, part, written);
  }
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
