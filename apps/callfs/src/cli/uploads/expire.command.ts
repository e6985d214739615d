import { Help, Option, SubCommand } from 'nest-commander';
import type { ExpiredUploadView, UploadView } from '../../http/admin/upload-view';
import { AdminClient } from '../admin-client';
import { painterFor } from '../style';
import { uploadTable } from './upload-table';
import { UploadFilterRunner, type UploadFilterOptions } from './uploads-options';

interface ExpireOptions extends UploadFilterOptions {
  readonly yes?: boolean;
}

@SubCommand({
  name: 'expire',
  arguments: '[ids...]',
  description: 'end uploads and free their bytes; without --yes only say which',
})
export class ExpireUploadsCommand extends UploadFilterRunner {
  async run(ids: string[], options: ExpireOptions): Promise<void> {
    this.refuseAmbiguous(ids, options);
    const client = AdminClient.for(options);
    const all = await this.chosen(client, options);
    const uploads = ids.length === 0 ? all : all.filter(({ id }) => ids.includes(id));
    if (options.yes) await this.expire(client, uploads, ids, options);
    else this.foretell(uploads, options);
  }

  @Option({ flags: '-y, --yes', description: 'do it' })
  yes(): boolean {
    return true;
  }

  @Help('after')
  examples(): string {
    return `
Whoever sends bytes for one of them is answered 410, and has to begin anew. What became of each: expired, or gone
(it has ended by itself).

Examples:
  callfs uploads expire --idle 12h                   what would be ended
  callfs uploads expire --idle 12h --yes
  callfs uploads expire --user alice --prefix /videos --yes
  callfs uploads expire 3q2-7wAAc0ffeeAAc0ffeeAAc0ffeeAA --yes`;
  }

  /** Nothing chosen is never taken for "all". */
  private refuseAmbiguous(ids: readonly string[], { user, prefix, idle }: ExpireOptions): void {
    const filtered = user !== undefined || prefix !== undefined || idle !== undefined;
    if (ids.includes('')) this.command.error('error: an id is empty');
    if (ids.length === 0 && !filtered)
      this.command.error('error: say which uploads: by their ids, or with a filter such as --idle, or --prefix / for all');
    if (ids.length > 0 && filtered) this.command.error('error: give either ids or filters');
  }

  private foretell(uploads: readonly UploadView[], options: ExpireOptions): void {
    if (options.json) process.stdout.write(`${JSON.stringify(uploads, null, 2)}\n`);
    else if (uploads.length > 0) process.stdout.write(uploadTable(uploads, painterFor(process.stdout, options)));
    if (uploads.length === 0) process.stderr.write('callfs: no such uploads\n');
    else process.stderr.write('callfs: nothing was changed; do it with --yes\n');
  }

  private async expire(
    client: AdminClient,
    uploads: readonly UploadView[],
    ids: readonly string[],
    { json }: ExpireOptions,
  ): Promise<void> {
    const outcomes: ExpiredUploadView[] = [];
    for (const id of new Set(ids.length === 0 ? uploads.map((upload) => upload.id) : ids)) {
      outcomes.push(await client.delete<ExpiredUploadView>(`/v1/admin/uploads/${encodeURIComponent(id)}`));
    }
    if (json) process.stdout.write(`${JSON.stringify(outcomes, null, 2)}\n`);
    else for (const { id, outcome } of outcomes) process.stdout.write(`${outcome.padEnd(7)}  ${id}\n`);
    if (outcomes.length === 0) process.stderr.write('callfs: no such uploads\n');
  }
}
