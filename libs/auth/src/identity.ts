import type { Credentials } from '@callfs/core';
import type { KeyScope } from './key-scope';

/** Who is asking: what a key stands for. Frozen for the length of a request. */
export interface Identity extends Credentials {
  readonly user: string;
  /** Bits that new files and directories do not get. */
  readonly umask: number;
  /** Names the key in logs and metrics without telling it: the first 8 hexadecimal digits of its SHA-256. */
  readonly keyId: string;
  /** What the key is limited to, within what the user may do; absent: to nothing. */
  readonly scope?: KeyScope;
}
