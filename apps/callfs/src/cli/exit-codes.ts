import type { CommanderError } from 'commander';

/** 0 done, 1 failed, 2 wrong usage, 3 partly done, 4 a service is unreachable. */
export const EXIT = { done: 0, failed: 1, usage: 2, partly: 3, unreachable: 4 } as const;

/** Ends a command that has said on stdout or stderr already what there is to say. */
export class CommandEnd extends Error {
  constructor(readonly exitCode: number) {
    super(`ended with ${exitCode}`);
  }
}

/** Fails a command for the reason that its message says, with an exit code of its own. */
export class CommandFailure extends Error {
  constructor(
    message: string,
    readonly exitCode: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

function isCommanderError(error: unknown): error is CommanderError {
  return error instanceof Error && 'exitCode' in error && String((error as { code?: unknown }).code).startsWith('commander.');
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommandEnd || error instanceof CommandFailure) return error.exitCode;
  if (!isCommanderError(error)) return EXIT.failed;
  return error.exitCode === 0 ? EXIT.done : EXIT.usage;
}

/** Says on stderr what is wrong, without a stack trace. Commander has spoken for itself. */
export function reportFailure(error: unknown): void {
  if (isCommanderError(error) || error instanceof CommandEnd) return;
  process.stderr.write(`callfs: ${inLines(error instanceof Error ? error.message : String(error))}\n`);
}

/** A server's words may quote names that others chose: lines stay, what a terminal would obey does not. */
function inLines(message: string): string {
  return message.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '?');
}
