import { existsSync } from 'node:fs';
import type { ServerConfig } from '../config/config';

/** Whether this server is to speak TLS: `auto` does when both files are there. */
export function speaksTls(server: Pick<ServerConfig, 'protocol' | 'certFile' | 'keyFile'>): boolean {
  if (server.protocol !== 'auto') return server.protocol === 'https';
  return existsSync(server.certFile) && existsSync(server.keyFile);
}
