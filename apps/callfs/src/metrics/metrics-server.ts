import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { register } from 'prom-client';
import type { ListenAddress } from '../config/config';

const TIMEOUT_MS = 10_000;

/** `GET /metrics` on a port of its own (`metrics.listen_addr`), without a key: for a scraper inside the network. */
export class MetricsServer implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly server: Server;

  constructor(private readonly address: ListenAddress) {
    this.server = createServer({ headersTimeout: TIMEOUT_MS, requestTimeout: TIMEOUT_MS }, ({ method, url }, response) => {
      void answer(method, url, response);
    });
  }

  /** Rejects with the system's error when the address cannot be had. */
  async onApplicationBootstrap(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ port: this.address.port, host: this.address.host || undefined }, () => {
        this.server.removeListener('error', reject);
        resolve();
      });
    });
  }

  async onApplicationShutdown(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  /** Where it listens. */
  get listening(): AddressInfo {
    return this.server.address() as AddressInfo;
  }
}

async function answer(method: string | undefined, url: string | undefined, response: ServerResponse): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD') {
    refuse(response, 405, 'METHOD_NOT_ALLOWED', 'Only GET and HEAD.', { Allow: 'GET, HEAD' });
  } else if (url?.split('?')[0] !== '/metrics') {
    refuse(response, 404, 'ROUTE_NOT_FOUND', 'This port has /metrics and nothing else.');
  } else {
    try {
      const text = await register.metrics();
      response.writeHead(200, { 'Content-Type': register.contentType, 'X-Content-Type-Options': 'nosniff' }).end(text);
    } catch {
      refuse(response, 500, 'INTERNAL_ERROR', 'A metric could not be read.');
    }
  }
}

function refuse(response: ServerResponse, status: number, code: string, message: string, headers: object = {}): void {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify({ code, message }));
}
