import { writeSync } from 'node:fs';
import pino, { type DestinationStream, type Logger } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { CallfsConfig } from '../config/config';
import { Metrics } from '../metrics/catalogue';
import { LogOutput } from './log-output';

/** Lines are written in batches of this size, or after a moment; whatever remains is written when the process ends. */
const BATCH = 8 * 1024;

/** The program's log: one logger and the stream below it, which the access log writes its finished lines to. */
export interface Log {
  readonly logger: Logger;
  readonly stream: DestinationStream;
  /** Whether lines of level `info` are wanted. */
  readonly tellsInfo: boolean;
}

/** Makes the log, on standard output unless there is a `destination` (tests). */
export function createLog(settings: CallfsConfig['log'], destination?: DestinationStream): Log {
  const isConsole = settings.format === 'console';
  const output = destination ?? standardOutput(isConsole ? 1 : BATCH, (message) => logger.warn(message));
  const stream = isConsole ? consoleStream(output, destination === undefined && process.stdout.isTTY) : output;
  const logger = pino(
    {
      level: settings.level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS, censor: '***' },
    },
    stream,
  );
  return { logger, stream, tellsInfo: logger.isLevelEnabled('info') };
}

/** `warn` has its place in the log itself, once that can be written again. */
function standardOutput(batch: number, warn: (message: string) => void): LogOutput {
  const { errors, logLinesLost } = new Metrics();
  return new LogOutput(1, batch, {
    failed: (code) => {
      errors.inc({ component: 'log', error_type: code });
      sayBesides(
        `callfs: the log cannot be written (${code}); the server goes on without it. Check where its standard output goes.`,
      );
    },
    lost: (lines) => logLinesLost.inc(lines),
    recovered: (code, lines) => warn(`The log could not be written for a while (${code}); ${lines} of its lines are lost.`),
  });
}

/** On standard error, which may be on the same disk. */
function sayBesides(line: string): void {
  try {
    writeSync(2, `${line}\n`);
  } catch {
    // The metrics tell.
  }
}

/** Nobody logs these on purpose; an error of a driver may carry them along. */
const SECRET_FIELDS = ['authorization', 'password', 'secret', 'token', 'key', 'dsn'].flatMap((name) => [
  name,
  `*.${name}`,
  `err.*.${name}`,
]);

function consoleStream(output: DestinationStream, colorize: boolean): DestinationStream {
  const pretty = prettyFactory({ colorize, translateTime: 'SYS:HH:MM:ss.l' });
  return {
    write: (lines) => {
      for (const line of lines.split('\n')) if (line !== '') output.write(String(pretty(line)));
    },
  };
}
