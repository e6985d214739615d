import { unwatchFile, watchFile } from 'node:fs';
import type { Server } from 'node:https';
import type { Logger } from 'pino';
import type { Gauge } from 'prom-client';
import { certificateWarning, loadCertificate, type CertificateFiles, type CertificatePair } from '../config/startup/certificate';
import { onCollect } from '../metrics/on-collect';

/** Polled, not watched: certificates are often renewed by swapping a symbolic link, which watches do not see. */
const POLL_MS = 5_000;
/** What `setTimeout` can wait for. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Takes up a renewed certificate without a restart: when its files change, and when told (`SIGHUP`). A bad pair is logged and the old one kept. */
export class CertificateReload {
  private expiresAtMs: number;
  /** When a certificate that is early becomes valid. */
  private again: NodeJS.Timeout | undefined;
  private readonly onChange = (): void => void this.reload();

  constructor(
    private readonly files: CertificateFiles,
    first: CertificatePair,
    private readonly server: Server,
    private readonly logger: Logger,
    private readonly expiry: Gauge,
  ) {
    this.expiresAtMs = first.expires.getTime();
  }

  /** Watches the files until the server is closed. */
  watch(): void {
    const files = [this.files.certFile, this.files.keyFile];
    for (const file of files) watchFile(file, { interval: POLL_MS, persistent: false }, this.onChange);
    this.server.once('close', () => {
      clearTimeout(this.again);
      for (const file of files) unwatchFile(file, this.onChange);
    });
    onCollect(this.expiry, (gauge) => gauge.set((this.expiresAtMs - Date.now()) / 1000));
  }

  /** New connections get the pair as it is in the files now; those that are open keep theirs. Resolves to whether it was taken. */
  async reload(): Promise<boolean> {
    try {
      const pair = loadCertificate(this.files);
      this.expectNoWorse(pair);
      this.server.setSecureContext({ cert: pair.cert, key: pair.key });
      this.expiresAtMs = pair.expires.getTime();
      this.logger.info(
        { cert_file: this.files.certFile, expires: new Date(this.expiresAtMs).toISOString() },
        'TLS certificate reloaded',
      );
      return true;
    } catch (error) {
      this.logger.error(
        { err: error, cert_file: this.files.certFile },
        'The TLS certificate could not be reloaded; the old one stays',
      );
      return false;
    }
  }

  /** Of one that clients will refuse nothing is gained, as long as they take the old one. One that is early is tried again in time. */
  private expectNoWorse(pair: CertificatePair): void {
    clearTimeout(this.again);
    const now = new Date();
    const warning = certificateWarning(pair, now);
    if (warning === undefined || this.expiresAtMs <= now.getTime()) return;
    const earlyMs = pair.validFrom.getTime() - now.getTime();
    if (earlyMs <= 0) throw new Error(`server.cert_file: ${warning}`);
    this.again = setTimeout(this.onChange, Math.min(earlyMs + 1, LONGEST_TIMER_MS)).unref();
    throw new Error(`server.cert_file: the certificate is not valid before ${pair.validFrom.toISOString()}; it is taken up then`);
  }
}
