import { Inject, Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { CallfsError } from '@callfs/core';
import { LINK_OBSERVER, type LinkObserver } from './link-observer';
import { LinkRows } from './link-rows';

const SOON_MS = 1_000;
const PERIOD_MS = 10 * 60 * 1000;

/** Forgets links that expired long ago, from time to time. Every node does; twice at once does no harm. */
@Injectable()
export class LinkSweep implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(LinkSweep.name);
  private timer: NodeJS.Timeout | undefined;
  private pass: Promise<void> | undefined;
  private stopped = false;

  constructor(
    private readonly rows: LinkRows,
    @Inject(LINK_OBSERVER) private readonly observe: LinkObserver,
  ) {}

  onApplicationBootstrap(): void {
    this.schedule(SOON_MS);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.pass;
  }

  private schedule(delayMs: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.pass = this.sweep().finally(() => this.schedule(PERIOD_MS));
    }, delayMs).unref();
  }

  private async sweep(): Promise<void> {
    try {
      const links = await this.rows.forgetExpired();
      if (links > 0) this.observe.expired(links);
    } catch (error) {
      if (!CallfsError.is(error)) throw error;
      this.logger.warn({ err: error }, 'forgetting expired links failed; it is tried again');
    }
  }
}
