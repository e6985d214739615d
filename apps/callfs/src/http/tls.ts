import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { ServerConfig } from '../config/config';
import { loadCertificate } from '../config/startup/certificate';

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

/** Reads a certificate and its key and makes sure that they are a pair; rejects with a `StartupError` that says what is wrong. */
export async function readCertificate(files: Pick<ServerConfig, 'certFile' | 'keyFile'>): Promise<CertificatePair> {
  const { cert, key } = loadCertificate(files);
  return { cert, key };
}

export function expiryOf(pair: CertificatePair): Date {
  return new Date(new X509Certificate(pair.cert).validTo);
}
