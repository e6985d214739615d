import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { CallfsError, nowNs } from '@callfs/core';
import { MetadataStore } from '@callfs/metadata';
import { StorageProviders } from '@callfs/storage';

/** Rows of removed trees that one transaction deletes: few enough that no other commit waits long for it. */
const REAP_BATCH = 500;
const COLLECT_BATCH = 100;
const INTERVAL_MS = 5_000;
/** After a pass with more to come: others first. */
const BREATH_MS = 5;

/**
 * Frees what nothing refers to any more: the rows of removed trees, then blobs without a reference once their grace
 * is over. It works in the background, in small steps, and never touches what is referenced or in flight.
 */
@Injectable()
export class Collector implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(Collector.name);
  private timer: NodeJS.Timeout | undefined;
  private pass: Promise<void> | undefined;
  private stopped = false;

  constructor(
    private readonly store: MetadataStore,
    private readonly providers: StorageProviders,
    private readonly instanceId: string,
  ) {}

  onApplicationBootstrap(): void {
    this.schedule(INTERVAL_MS);
  }

  /** There may be work: begin soon. */
  wake(): void {
    if (!this.pass) this.schedule(BREATH_MS);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.pass;
  }

  private schedule(delayMs: number): void {
    if (this.stopped) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.pass = this.collect().finally(() => (this.pass = undefined));
    }, delayMs).unref();
  }

  private async collect(): Promise<void> {
    let more = false;
    try {
      const reaped = await this.store.reap(REAP_BATCH);
      // What another node keeps is that node's to delete.
      const blobs = await this.store.collectable(nowNs(), COLLECT_BATCH, [this.instanceId, '']);
      for (const { backend, key } of blobs) await this.providers.get(backend).delete(key);
      if (blobs.length > 0) await this.store.forget(blobs);
      more = reaped > 0 || blobs.length === COLLECT_BATCH;
    } catch (error) {
      if (!CallfsError.is(error)) throw error;
      this.logger.warn({ err: error }, 'collecting garbage failed; it is tried again');
    }
    this.schedule(more ? BREATH_MS : INTERVAL_MS);
  }
}
