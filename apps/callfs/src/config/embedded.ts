import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';

/** Where a server without any configuration keeps everything. */
export const EMBEDDED_DIRECTORY = 'callfs-data';

export interface EmbeddedSecrets {
  readonly api_key: string;
  readonly internal_proxy_secret: string;
  readonly single_use_link_secret: string;
}

/** The secrets of an embedded server, made at random at its first start. Two first starts at once agree on one set. */
export function embeddedSecrets(cwd: string): EmbeddedSecrets {
  const directory = join(cwd, EMBEDDED_DIRECTORY);
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, 'secrets.json');
  if (!fs.existsSync(path)) {
    const secret = () => randomBytes(24).toString('base64url');
    const secrets: EmbeddedSecrets = { api_key: secret(), internal_proxy_secret: secret(), single_use_link_secret: secret() };
    const draft = `${path}.${process.pid}`;
    fs.writeFileSync(draft, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
    try {
      fs.linkSync(draft, path);
    } catch (error) {
      // Another first start was faster; its secrets count.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      fs.unlinkSync(draft);
    }
  }
  return JSON.parse(fs.readFileSync(path, 'utf8')) as EmbeddedSecrets;
}
