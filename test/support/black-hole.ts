import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** A way to a port that can fall silent, as a network does that is cut: nothing passes, and nobody is told. */
export class BlackHole {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async to(port: number): Promise<BlackHole> {
    const server = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      for (const [from, to] of [
        [near, far],
        [far, near],
      ]) {
        hole.#sockets.add(from);
        from.on('data', (bytes: Buffer) => {
          if (!hole.#isCut) to.write(bytes);
        });
        from.on('error', () => {});
        from.on('close', () => {
          hole.#sockets.delete(from);
          if (!hole.#isCut) to.destroy();
        });
      }
    });
    const hole = new BlackHole(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return hole;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  cut(): void {
    this.#isCut = true;
  }

  /** What was sent meanwhile is lost, and so are the connections it was sent through. */
  mend(): void {
    this.#isCut = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.mend();
    this.#server.close();
  }
}
