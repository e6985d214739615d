import type { ServerConfig } from '../../../config/config';
import { certificateWarning, loadCertificate } from '../../../config/startup/certificate';
import { speaksTls } from '../../../http/tls';
import type { Seen } from './check';

export async function checkCertificate(server: ServerConfig): Promise<Seen> {
  if (!speaksTls(server)) return { saw: 'plain HTTP, no certificate' };
  const pair = loadCertificate(server);
  const warning = certificateWarning(pair, new Date());
  return {
    saw: warning ?? `${server.certFile} is valid until ${pair.expires.toISOString().slice(0, 10)}`,
    warning: warning !== undefined,
  };
}
