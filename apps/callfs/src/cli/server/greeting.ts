import type { LoadedConfig } from '../../config/load-config';

/** What an embedded server tells whoever started it: the key, and what to do with it. */
export function greeting(url: string, { apiKey, secretsFile }: NonNullable<LoadedConfig['embedded']>): string {
  const lines = [
    '',
    'There is no configuration, so this node runs by itself: everything is kept in ./callfs-data/.',
    '',
    `  API key   ${apiKey}   (kept in ${secretsFile})`,
    `  Upload    curl -H "Authorization: Bearer ${apiKey}" --data-binary "Hello" ${url}/v1/files/hello.txt`,
    `  Download  curl -H "Authorization: Bearer ${apiKey}" ${url}/v1/files/hello.txt`,
    `  API       ${url}/docs`,
    '',
  ];
  return lines.map((line) => `${line}\n`).join('');
}
