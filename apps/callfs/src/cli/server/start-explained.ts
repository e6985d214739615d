import type { CallfsConfig } from '../../config/config';
import { certificateWarning, loadCertificate } from '../../config/startup/certificate';
import { explainFailure } from '../../config/startup/explain-failure';
import { makeDirectories } from '../../config/startup/make-directories';
import type { RunningServer } from '../../main';

/** Starts the server. Rejects with a `StartupError` for every condition that an operator can mend. */
export async function startExplained(config: CallfsConfig, say: (line: string) => void): Promise<RunningServer> {
  // Loaded only now: the other commands start without the server's weight.
  const [{ startServer }, { speaksTls }] = await Promise.all([import('../../main.js'), import('../../http/tls.js')]);
  try {
    if (speaksTls(config.server)) {
      const warning = certificateWarning(loadCertificate(config.server), new Date());
      if (warning !== undefined) say(`warning: server.cert_file: ${warning}`);
    }
    makeDirectories(config);
    return await startServer(config);
  } catch (error) {
    if (config.log.level === 'debug' && error instanceof Error) say(`debug: ${error.stack ?? error.message}`);
    throw explainFailure(error, config) ?? error;
  }
}
