import { Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { AuditEntry } from './audit-entry';
import type { AuditRows, StoredEntry } from './audit-rows';

/** How long an entry waits for others to be written with: what a crash can take with it. */
const GATHER_MS = 200;
const BATCH = 1024;
/** While the metadata is away entries are kept up to this many. */
const MAX_WAITING = 50_000;
const RETRY_MS = 1000;
const PRUNE_SOON_MS = 1_000;
const PRUNE_EVERY_MS = 60_000;
const PRUNE_BATCH = 500;

export interface AuditOptions {
  readonly instanceId: string;
  readonly enabled: boolean;
  /** 0: for ever. */
  readonly retentionMs: number;
}

/**
 * Takes entries in at no cost to who records them and writes them in the background, many in one transaction: a request
 * does not wait for its entry. What was recorded within the last fraction of a second is lost with the process; a stop
 * writes everything. Entries whose time is over are removed in small steps.
 */
export class AuditLog implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(AuditLog.name);
  private waiting: StoredEntry[] = [];
  private seq = 0;
  private lost = 0;
  private writing: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private pruneTimer: NodeJS.Timeout | undefined;
  private pruning: Promise<void> | undefined;
  private isStopping = false;

  constructor(
    private readonly rows: AuditRows,
    private readonly options: AuditOptions,
  ) {}

  get enabled(): boolean {
    return this.options.enabled;
  }

  onApplicationBootstrap(): void {
    if (this.options.retentionMs > 0) this.schedulePruning(PRUNE_SOON_MS);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    clearTimeout(this.pruneTimer);
    await this.pruning;
    await this.flush();
  }

  /** Never throws and never waits. */
  record(entry: AuditEntry): void {
    if (!this.options.enabled) return;
    if (this.waiting.length >= MAX_WAITING) {
      this.lost++;
      return;
    }
    this.waiting.push({ ...entry, instanceId: this.options.instanceId, seq: this.seq++ });
    // What ends while the server stops has no time to wait for others.
    if (this.isStopping) void this.flush();
    else this.schedule(GATHER_MS);
  }

  /** Resolves when everything that was recorded is written, or could not be. */
  async flush(): Promise<void> {
    await this.writing;
    if (this.waiting.length > 0) await this.start();
  }

  private schedule(ms: number): void {
    this.timer ??= setTimeout(() => void this.start(), ms).unref();
  }

  private start(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.writing ??= this.write().finally(() => {
      this.writing = undefined;
    });
    return this.writing;
  }

  private async write(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting.slice(0, BATCH);
      try {
        await this.rows.append(batch);
      } catch (error) {
        this.logger.warn({ err: error, waiting: this.waiting.length }, 'audit entries cannot be written; they wait');
        if (!this.isStopping) this.schedule(RETRY_MS);
        return;
      }
      this.waiting.splice(0, batch.length);
    }
    if (this.lost > 0) this.logger.error({ entries: this.lost }, 'audit entries were lost: too many waited for the metadata');
    this.lost = 0;
  }

  private schedulePruning(delayMs: number): void {
    if (this.isStopping) return;
    this.pruneTimer = setTimeout(() => {
      this.pruning = this.prune()
        .catch((error: unknown) => this.logger.warn({ err: error }, 'old audit entries cannot be removed; it is tried again'))
        .finally(() => this.schedulePruning(PRUNE_EVERY_MS));
    }, delayMs).unref();
  }

  private async prune(): Promise<void> {
    const beforeMs = Date.now() - this.options.retentionMs;
    while (!this.isStopping && (await this.rows.prune(beforeMs, PRUNE_BATCH)) === PRUNE_BATCH);
  }
}
