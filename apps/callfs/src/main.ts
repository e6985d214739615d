import type { CallfsConfig } from './config/config';
import { AppModule } from './app.module';
import { PublicUrl } from './http/public-url';
import { createHttpApp, listen } from './http/server';
import { speaksTls } from './http/tls';

/** A server that answers requests. */
export interface RunningServer {
  /** Where it listens: scheme, host and port. */
  readonly url: string;
  /** Takes no new requests, lets those under way end (`server.shutdown_grace`), lets go of everything. */
  close(): Promise<void>;
}

/** Opens the engines, puts right what a crash left, and listens. Rejects with nothing half-started. */
export async function startServer(config: CallfsConfig): Promise<RunningServer> {
  const app = await createHttpApp(AppModule.forRoot(config), config);
  try {
    const { port } = await listen(app, config.server.listenAddr);
    const host = config.server.listenAddr.host || 'localhost';
    const url = `${speaksTls(config.server) ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
    app.get(PublicUrl).listeningAt(url);
    return { url, close: () => app.close() };
  } catch (error) {
    await app.close();
    throw error;
  }
}
