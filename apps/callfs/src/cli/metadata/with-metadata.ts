import type { MetadataData } from '@callfs/metadata';
import { loadConfig } from '../../config/load-config';
import { explainFailure } from '../../config/startup/explain-failure';
import type { ConfigOption } from '../config-option';
import { CommandFailure, EXIT } from '../exit-codes';
import { expectMetadata } from './expect-metadata';

/**
 * Work on the tables of the store that the configuration names, while no server uses its SQLite file. Only with `make` may
 * there be none yet, and only then is an older schema brought up to date.
 */
export async function withMetadata<T>(
  { config: file }: ConfigOption,
  { make }: { readonly make: boolean },
  work: (data: MetadataData) => Promise<T>,
): Promise<T> {
  const { config } = loadConfig({ file, cwd: process.cwd(), env: process.env, keepSecrets: false });
  if (!make) expectMetadata(config);
  // Loaded only now: it brings the drivers.
  const { openMetadataData } = await import('../../composition/metadata-data.js');
  const data = await openMetadataData(config, { keepsSchema: !make }).catch((error: unknown) => {
    const explained = explainFailure(error, config);
    throw explained?.kind === 'dependency'
      ? new CommandFailure(explained.message, EXIT.unreachable, { cause: error })
      : (explained ?? error);
  });
  try {
    return await work(data);
  } finally {
    await data.close();
  }
}
