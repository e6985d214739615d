import { BackgroundWork } from '../background-work';
import type { UploadsService } from './uploads.service';
import type { UploadTable } from './upload-table';

/** Told how many uploads have expired, for the metrics. */
export type UploadExpiryObserver = (count: number) => void;

/** Nest token of the `UploadExpiryObserver`. */
export const UPLOAD_EXPIRY_OBSERVER = Symbol('callfs.upload-expiry-observer');

const LONGEST_PERIOD_MS = 60_000;
const BATCH = 100;
/** For so long an expired upload is answered 410 and not 404. */
const GRAVE_MS = 7 * 24 * 3600 * 1000;

/** Gives up uploads that nobody goes on with, and forgets those that ended long ago. Nodes that do it at once do no harm. */
export class UploadExpiry extends BackgroundWork {
  constructor(
    private readonly table: UploadTable,
    private readonly uploads: UploadsService,
    expiryMs: number,
    private readonly observe: UploadExpiryObserver,
  ) {
    const periodMs = Math.min(LONGEST_PERIOD_MS, expiryMs / 2);
    super({ what: 'looking for expired uploads', firstMs: periodMs, periodMs });
  }

  protected override async work(): Promise<void> {
    let expired = 0;
    for (let due = await this.table.due(BATCH); due.length > 0 && !this.stopped; due = await this.table.due(BATCH))
      for (const id of due) if (await this.uploads.expire(id)) expired++;
    await this.uploads.freeLeftParts(BATCH);
    await this.table.forgetEnded(GRAVE_MS);
    if (expired === 0) return;
    this.observe(expired);
    this.logger.log({ uploads: expired }, `${expired} uploads expired; their bytes are freed`);
  }
}
