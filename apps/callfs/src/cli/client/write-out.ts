import { once } from 'node:events';

/** Writes to stdout and waits while its reader is behind, so that any amount takes no memory. */
export async function write(text: string | Uint8Array): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}
