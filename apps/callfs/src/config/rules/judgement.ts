import type { ValuePath } from '../config-file';
import type { KeyName, Values } from '../keys';

/** What a rule over several keys looks at, and where it says what it found. */
export interface Judgement {
  readonly values: Values;
  /** Relative paths begin here: where the file is, or without one the working directory. */
  readonly base: string;
  /** Whether the key has a value from a file or a variable, a wrong one included. */
  readonly isGiven: (name: KeyName) => boolean;
  /** The server would not work: it does not start. */
  readonly refuse: (name: KeyName, message: string, path?: ValuePath) => void;
  /** It works, but probably not as it was meant. */
  readonly warn: (name: KeyName, message: string, path?: ValuePath) => void;
}
