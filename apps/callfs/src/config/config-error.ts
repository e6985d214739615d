import { describeProblem, type ConfigProblem } from './problem';
import { StartupError } from './startup/startup-error';

const NO_FILE =
  'There is no configuration file here, and only a server without any variable makes keys of its own: "callfs config init --output config.yaml" makes a file. ';

/** Everything that is wrong with the configuration, at once. */
export class ConfigError extends StartupError {
  /** `withoutFile`: variables alone configure a server, which then has nothing of what embedded mode makes for itself. */
  constructor(
    readonly problems: readonly ConfigProblem[],
    withoutFile = false,
  ) {
    super({
      kind: 'config',
      key: '',
      reason: summary(problems),
      next: `${withoutFile ? NO_FILE : ''}Correct it and check with "callfs config validate".`,
    });
  }
}

function summary(problems: readonly ConfigProblem[]): string {
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  return [`The configuration has ${count}:`, ...problems.map((problem) => `  ${describeProblem(problem)}`)].join('\n');
}
