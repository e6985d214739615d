import type { CallfsConfig } from '../../../config/config';
import { explainFailure } from '../../../config/startup/explain-failure';
import { checkAddress } from './address-check';
import { checkCertificate } from './certificate-check';
import type { CheckResult, Seen } from './check';
import { checkLocks } from './locks-check';
import { checkMetadata } from './metadata-check';
import { checkStorage } from './storage-check';

type Check = readonly [CheckResult['check'], () => Promise<Seen>];

/** Tries what a start would try, without starting, changing or locking anything. */
export async function runChecks(config: CallfsConfig): Promise<CheckResult[]> {
  const { listenAddr } = config.metrics;
  const checks: readonly Check[] = [
    ['address', () => checkAddress(config.server.listenAddr)],
    ...(listenAddr ? [['metrics', () => checkAddress(listenAddr)] as const] : []),
    ['certificate', () => checkCertificate(config.server)],
    ['metadata', () => checkMetadata(config.metadataStore, config.server.metadataOpTimeoutMs)],
    ['locks', () => checkLocks(config.dlm)],
    ['storage', () => checkStorage(config.backend, config.server.fileOpTimeoutMs)],
  ];
  return Promise.all(checks.map(([check, run]) => resultOf(check, run, config)));
}

async function resultOf(check: CheckResult['check'], run: () => Promise<Seen>, config: CallfsConfig): Promise<CheckResult> {
  try {
    const { saw, warning } = await run();
    return { check, state: warning ? 'warning' : 'ok', saw };
  } catch (error) {
    const failure = explainFailure(error, config);
    if (!failure) throw error;
    return { check, state: failure.kind === 'dependency' ? 'unreachable' : 'failed', saw: failure.message };
  }
}
