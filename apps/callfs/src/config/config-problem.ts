/** One thing that is wrong with the configuration. Never holds a value: it could be a secret. */
export interface ConfigProblem {
  readonly key: string;
  /** `config.yaml:3:5`, or the variable's name. */
  readonly where?: string;
  readonly message: string;
}

/** Everything that is wrong, found in one go. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly problems: readonly ConfigProblem[]) {
    super(problems.map(describe).join('\n'));
  }
}

export function describe({ key, where, message }: ConfigProblem): string {
  return `${where ? `${where}: ` : ''}${key}: ${message}`;
}
