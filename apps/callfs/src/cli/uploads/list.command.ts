import { Help, SubCommand } from 'nest-commander';
import { AdminClient } from '../admin-client';
import { painterFor } from '../style';
import { uploadTable } from './upload-table';
import { UploadFilterRunner, type UploadFilterOptions } from './uploads-options';

@SubCommand({ name: 'list', description: 'the uploads under way, those that are idle longest first' })
export class ListUploadsCommand extends UploadFilterRunner {
  async run(_arguments: string[], options: UploadFilterOptions): Promise<void> {
    const uploads = await this.chosen(AdminClient.for(options), options);
    if (options.json) process.stdout.write(`${JSON.stringify(uploads, null, 2)}\n`);
    else if (uploads.length > 0) process.stdout.write(uploadTable(uploads, painterFor(process.stdout, options)));
    else process.stderr.write('callfs: no such uploads\n');
  }

  @Help('after')
  examples(): string {
    return `
An upload in parts (tus) expires by itself when no byte came for storage.upload_expiry.

Examples:
  callfs uploads list
  callfs uploads list --user alice --idle 12h
  callfs uploads list --prefix /videos --json | jq -r .[].id`;
  }
}
