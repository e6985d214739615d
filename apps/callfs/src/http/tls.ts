import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { ServerConfig } from '../config/config';

/** PEM texts that were seen to belong together. */
export interface CertificatePair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Whether this server is to speak TLS: `auto` does when both files are there. */
export function speaksTls(server: Pick<ServerConfig, 'protocol' | 'certFile' | 'keyFile'>): boolean {
  if (server.protocol !== 'auto') return server.protocol === 'https';
  return existsSync(server.certFile) && existsSync(server.keyFile);
}

/** Reads a certificate and its key and makes sure that they are a pair; rejects with what OpenSSL says otherwise. */
export async function readCertificate(files: Pick<ServerConfig, 'certFile' | 'keyFile'>): Promise<CertificatePair> {
  const [cert, key] = await Promise.all([readFile(files.certFile), readFile(files.keyFile)]);
  createSecureContext({ cert, key });
  return { cert, key };
}

export function expiryOf(pair: CertificatePair): Date {
  return new Date(new X509Certificate(pair.cert).validTo);
}
