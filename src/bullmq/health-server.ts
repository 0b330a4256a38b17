import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { metricsText } from './metrics.ts';
import type { HostStats } from './host-stats.ts';

/** `GET /health`: 200 while the host takes chunks and reaches Redis, otherwise 503. `GET /metrics`: for Prometheus. */
export class HealthServer {
  readonly #address: { readonly port: number; readonly host: string };
  readonly #queue: string;
  readonly #stats: () => HostStats;
  #server: Server | undefined;

  constructor(
    address: { readonly port: number; readonly host: string },
    queue: string,
    stats: () => HostStats,
  ) {
    this.#address = address;
    this.#queue = queue;
    this.#stats = stats;
  }

  get url(): string | undefined {
    const address = this.#server?.address() as AddressInfo | null | undefined;
    if (address == null) return undefined;
    const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return `http://${host}:${address.port}`;
  }

  /** @throws what listening throws */
  async start(): Promise<void> {
    const server = createServer((request, response) => this.#answer(request.url, response));
    this.#server = server;
    server.listen(this.#address.port, this.#address.host);
    await once(server, 'listening');
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    if (!server.listening) return;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }

  #answer(url: string | undefined, response: ServerResponse): void {
    const stats = this.#stats();
    if (url === '/metrics') {
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
      response.end(metricsText(this.#queue, stats));
    } else if (url === '/health') {
      const isUp = stats.state === 'started' && stats.connected;
      response.writeHead(isUp ? 200 : 503, { 'content-type': 'application/json' });
      response.end(`${JSON.stringify({ up: isUp, queue: this.#queue, ...stats })}\n`);
    } else {
      response.writeHead(404).end();
    }
  }
}
