import { describeProblem, type ConfigProblem } from './problem';
import { StartupError } from './startup/startup-error';

/** Everything that is wrong with the configuration, at once. */
export class ConfigError extends StartupError {
  constructor(readonly problems: readonly ConfigProblem[]) {
    super({
      kind: 'config',
      key: '',
      reason: summary(problems),
      next: 'Correct it and check with "callfs config validate".',
    });
  }
}

function summary(problems: readonly ConfigProblem[]): string {
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  return [`The configuration has ${count}:`, ...problems.map((problem) => `  ${describeProblem(problem)}`)].join('\n');
}
