import type { OfflineUpkeep } from '../../composition/offline-upkeep';
import { loadConfig } from '../../config/load-config';
import { explainFailure } from '../../config/startup/explain-failure';
import type { ConfigOption } from '../config-option';
import { expectMetadata } from '../metadata/expect-metadata';

export const OFFLINE_OPTION = {
  flags: '--offline',
  description: 'work on the node of the configuration while no server runs',
};

const IN_USE = / is in use by /;

/** What the upkeep of a node that does not run tells; the node is let go of afterwards. */
export async function* withOfflineNode<T>(
  { config: file }: ConfigOption,
  work: (upkeep: OfflineUpkeep) => AsyncIterable<T>,
): AsyncGenerator<T> {
  const { config } = loadConfig({ file, cwd: process.cwd(), env: process.env, keepSecrets: false });
  expectMetadata(config);
  // Loaded only now: it brings the drivers.
  const { openOfflineUpkeep } = await import('../../composition/offline-upkeep.js');
  const upkeep = await openOfflineUpkeep(config).catch((error: unknown) => {
    const explained = explainFailure(error, config);
    if (explained === undefined || !IN_USE.test(explained.message)) throw explained ?? error;
    throw new Error(`${explained.message} While a server runs, leave out --offline: it does the same.`, { cause: error });
  });
  try {
    yield* work(upkeep);
  } finally {
    await upkeep.close();
  }
}
