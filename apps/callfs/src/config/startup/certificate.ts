import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { causesOf } from './native-cause';
import { StartupError } from './startup-error';

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate with its key, seen to belong together. */
export interface CertificatePair {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly validFrom: Date;
  readonly expires: Date;
}

const CERT = 'server.cert_file';
const KEY = 'server.key_file';
const SELF_SIGNED = '"callfs tls self-signed" makes a pair for development.';

/** Reads both files and makes sure that TLS can be spoken with them. Throws a `StartupError` that says which is wrong how. */
export function loadCertificate({ certFile, keyFile }: CertificateFiles): CertificatePair {
  const cert = readPem(CERT, certFile, 'certificate');
  const key = readPem(KEY, keyFile, 'key');
  const x509 = parseCertificate(certFile, cert);
  if (!x509.checkPrivateKey(parseKey(keyFile, key)))
    throw failure(
      KEY,
      `the key in ${keyFile} does not belong to the certificate in ${certFile}`,
      'Give the two that were made together.',
    );
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw failure(
      CERT,
      `the certificate in ${certFile} cannot be used for TLS (${opensslReason(error)})`,
      'Have a stronger one issued.',
      error,
    );
  }
  return { cert, key, validFrom: new Date(x509.validFrom), expires: new Date(x509.validTo) };
}

/** What is wrong with a certificate that TLS itself does not mind; undefined when nothing is. */
export function certificateWarning({ validFrom, expires }: CertificatePair, now: Date): string | undefined {
  if (expires <= now) return `the certificate expired on ${expires.toISOString()}; clients will refuse it`;
  if (validFrom > now) return `the certificate is not valid before ${validFrom.toISOString()}; clients will refuse it until then`;
  return undefined;
}

function failure(key: string, reason: string, next: string, cause?: unknown): StartupError {
  return new StartupError({ kind: 'tls', key, reason, next, cause });
}

function readPem(key: string, path: string, what: 'certificate' | 'key'): Buffer {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (error) {
    throw unreadable(key, path, what, error);
  }
  const text = content.toString('latin1');
  const labels = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----/g)].map(([, label]) => label ?? '');
  const isCertificate = labels.some((label) => label.endsWith('CERTIFICATE'));
  const isKey = labels.some((label) => label.endsWith('PRIVATE KEY'));
  if (what === 'key' ? isKey : isCertificate) return content;
  const other = what === 'key' ? isCertificate : isKey;
  const found = other
    ? `there is a ${what === 'key' ? 'certificate' : 'key'} in ${path}, and no ${what}`
    : `invalid ${what}: ${path} is not PEM`;
  const next = other
    ? 'Check that server.cert_file and server.key_file are not swapped.'
    : `It must hold "-----BEGIN ${what === 'key' ? 'PRIVATE KEY' : 'CERTIFICATE'}-----"; "openssl ${what === 'key' ? 'pkey' : 'x509'} -inform der" converts a binary one.`;
  throw failure(key, found, next);
}

function unreadable(key: string, path: string, what: string, error: unknown): StartupError {
  const { code } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return failure(key, `${what} not found: the file ${path} does not exist`, `Correct the path; ${SELF_SIGNED}`, error);
    case 'EACCES':
    case 'EPERM':
      return failure(
        key,
        `the ${what} in ${path} cannot be read: permission denied`,
        `Give the user that runs CallFS read permission on it.`,
        error,
      );
    case 'EISDIR':
      return failure(key, `${path} is a directory`, `Name the file with the ${what}.`, error);
    default:
      return failure(
        key,
        `the ${what} in ${path} cannot be read (${code ?? 'unknown'})`,
        'Check the file and the disk below it.',
        error,
      );
  }
}

function parseCertificate(path: string, cert: Buffer): X509Certificate {
  try {
    return new X509Certificate(cert);
  } catch (error) {
    throw failure(
      CERT,
      `invalid certificate: ${path} is damaged (${opensslReason(error)})`,
      `Copy it again from where it was issued; ${SELF_SIGNED}`,
      error,
    );
  }
}

function parseKey(path: string, key: Buffer): KeyObject {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(key.toString('latin1')))
    throw failure(
      KEY,
      `the key in ${path} is encrypted with a passphrase`,
      `Take the passphrase away: openssl pkey -in ${path} -out server.key`,
    );
  try {
    return createPrivateKey(key);
  } catch (error) {
    throw failure(
      KEY,
      `invalid key: ${path} is damaged (${opensslReason(error)})`,
      `Copy it again from where it was made; ${SELF_SIGNED}`,
      error,
    );
  }
}

/** OpenSSL's code; its messages quote what it read. */
function opensslReason(error: unknown): string {
  return causesOf(error)[0]?.code || 'unknown reason';
}
