import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../config/value-types';

/** Milliseconds of an option such as `30s`; wrong usage when it is no duration. */
export function parseDurationOption(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('Expected a duration such as 30s, 500ms, 10m or 1h.');
  return ms;
}
