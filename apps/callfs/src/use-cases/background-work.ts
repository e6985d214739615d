import { Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { CallfsError } from '@callfs/core';

export interface BackgroundSchedule {
  /** What is done, for the log: `forgetting expired links`. */
  readonly what: string;
  /** From the start of the node to the first time. */
  readonly firstMs: number;
  /** From the end of one time to the next. */
  readonly periodMs: number;
}

/**
 * Work that a node does again and again while it runs, never twice at once. An engine that is away is a line in the log;
 * the work is tried again when it is due. A stop waits for what is under way.
 */
export abstract class BackgroundWork implements OnApplicationBootstrap, BeforeApplicationShutdown {
  protected readonly logger = new Logger(this.constructor.name);
  /** The node stops: what is left is left. */
  protected stopped = false;
  private timer: NodeJS.Timeout | undefined;
  private pass: Promise<void> | undefined;

  protected constructor(private readonly schedule: BackgroundSchedule) {}

  onApplicationBootstrap(): Promise<void> | void {
    this.wait(this.schedule.firstMs);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.pass;
  }

  protected abstract work(): Promise<void>;

  private wait(delayMs: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.pass = this.attempt().finally(() => this.wait(this.schedule.periodMs));
    }, delayMs).unref();
  }

  private async attempt(): Promise<void> {
    try {
      await this.work();
    } catch (error) {
      this.noteFailure(error, this.schedule.what);
    }
  }

  /** Throws what is no failure of an engine. */
  protected noteFailure(error: unknown, what: string): void {
    if (!CallfsError.is(error)) throw error;
    this.logger.warn({ err: error }, `${what} failed; it is done again later`);
  }
}
