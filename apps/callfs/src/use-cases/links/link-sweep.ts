import { Inject, Injectable } from '@nestjs/common';
import { BackgroundWork } from '../background-work';
import { LINK_OBSERVER, type LinkObserver } from './link-observer';
import { LinkRows } from './link-rows';

const SOON_MS = 1_000;
const PERIOD_MS = 10 * 60 * 1000;

/** Forgets links that expired long ago, from time to time. Every node does; twice at once does no harm. */
@Injectable()
export class LinkSweep extends BackgroundWork {
  constructor(
    private readonly rows: LinkRows,
    @Inject(LINK_OBSERVER) private readonly observe: LinkObserver,
  ) {
    super({ what: 'forgetting expired links', firstMs: SOON_MS, periodMs: PERIOD_MS });
  }

  protected override async work(): Promise<void> {
    for (let more = true; more && !this.stopped;) {
      const forgotten = await this.rows.forgetExpired();
      if (forgotten.links > 0) this.observe.expired(forgotten.links);
      more = forgotten.more;
    }
  }
}
