/** 0 done, 1 failed, 2 wrong usage, 3 partly done, 4 a service is unreachable. */
export const EXIT = { done: 0, failed: 1, usage: 2, partly: 3, unreachable: 4 } as const;

interface CommanderError extends Error {
  readonly code: string;
  readonly exitCode: number;
}

function isCommanderError(error: unknown): error is CommanderError {
  return error instanceof Error && 'exitCode' in error && String((error as { code?: unknown }).code).startsWith('commander.');
}

export function exitCodeOf(error: unknown): number {
  if (!isCommanderError(error)) return EXIT.failed;
  return error.exitCode === 0 ? EXIT.done : EXIT.usage;
}

/** Says on stderr what is wrong, one line a problem, without a stack trace. Commander has spoken for itself. */
export function reportFailure(error: unknown): void {
  if (isCommanderError(error)) return;
  process.stderr.write(`callfs: ${error instanceof Error ? error.message : String(error)}\n`);
}
