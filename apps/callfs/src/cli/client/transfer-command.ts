import { Option } from 'nest-commander';
import type { ConfigOption } from '../config-option';
import { ClientCommand } from './client-command';
import { jobsOf } from './transfer';

export interface TransferOptions extends ConfigOption {
  readonly recursive?: boolean;
  readonly preserve?: boolean;
  readonly clobber?: boolean;
  readonly jobs?: number;
}

/** The options of commands that take files and trees to the server or from it. */
export abstract class TransferCommand extends ClientCommand<TransferOptions> {
  @Option({ flags: '-r, --recursive', description: 'directories with everything below them' })
  recursive(): boolean {
    return true;
  }

  @Option({ flags: '-p, --preserve', description: 'keep modes and times' })
  preserve(): boolean {
    return true;
  }

  @Option({ flags: '-n, --no-clobber', description: 'leave what is there already as it is, and fail for it', defaultValue: true })
  clobber(): boolean {
    return false;
  }

  @Option({ flags: '-j, --jobs <number>', description: 'files on their way at once (default: 4)' })
  jobs(text: string): number {
    return jobsOf(text);
  }
}
