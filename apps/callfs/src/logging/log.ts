import pino, { type DestinationStream, type Logger } from 'pino';
import { PinoPretty } from 'pino-pretty';
import type { CallfsConfig } from '../config/config';

/** Lines are written in batches of this size, or after so long; whatever remains is written when the process ends. */
const BATCH_BYTES = 8 * 1024;
const FLUSH_EVERY_MS = 200;

/** The program's log: one logger and the stream below it, which the access log writes its finished lines to. */
export interface Log {
  readonly logger: Logger;
  readonly stream: DestinationStream;
  /** Whether lines of level `info` are wanted. */
  readonly tellsInfo: boolean;
  /** Writes out what is still held; at the end of the process. */
  flush(): void;
}

/**
 * Makes the log. `destination` replaces standard output (tests). JSON lines are batched; pino's own exit hook writes
 * the rest when the process ends or dies of an exception.
 */
export function createLog(settings: CallfsConfig['log'], destination?: DestinationStream): Log {
  const output = destination ?? batchedOutput();
  const stream = settings.format === 'console' ? consoleStream(destination) : output;
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
  return {
    logger,
    stream,
    tellsInfo: logger.isLevelEnabled('info'),
    flush: () => (output as Partial<BatchedOutput>).flushSync?.(),
  };
}

type BatchedOutput = ReturnType<typeof pino.destination>;

function batchedOutput(): BatchedOutput {
  const output = pino.destination({ dest: 1, sync: false, minLength: BATCH_BYTES });
  setInterval(() => output.flush(), FLUSH_EVERY_MS).unref();
  return output;
}

/** Nobody logs these on purpose; an error of a driver may carry them along. */
const SECRET_FIELDS = ['authorization', 'password', 'secret', 'token', 'key', 'dsn'].flatMap((name) => [
  name,
  `*.${name}`,
  `err.*.${name}`,
]);

function consoleStream(destination: DestinationStream | undefined): DestinationStream {
  return PinoPretty({
    destination: destination ?? 1,
    sync: true,
    colorize: destination === undefined && process.stdout.isTTY,
    translateTime: 'SYS:HH:MM:ss.l',
  });
}
