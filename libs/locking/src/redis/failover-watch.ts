import { Redis } from 'ioredis';

const CHANNEL = '+switch-master';
const LONGEST_PAUSE_MS = 1_000;

/**
 * Hears from the sentinels that another Redis has become the master, and has a client leave the old one at once: that one
 * may only have been cut off for a while, come back, and take itself for the master until somebody tells it.
 *
 * ioredis has a `failoverDetector` of its own; a client that it takes off while it connects ends for good.
 */
export class FailoverWatch {
  private readonly ears: readonly Redis[];

  constructor(private readonly client: Redis) {
    const { sentinels, name } = client.options;
    this.ears = (sentinels ?? []).map(({ host, port }) => {
      const ear = this.ear(host, port);
      ear.on('error', () => undefined);
      ear.on('ready', () => void ear.subscribe(CHANNEL).catch(() => undefined));
      ear.on('message', (_channel: string, message: string) => {
        if (message.startsWith(`${name} `)) this.leave();
      });
      ear.connect().catch(() => undefined);
      return ear;
    });
  }

  close(): void {
    for (const ear of this.ears) ear.disconnect();
  }

  /** One that is about to connect may be on its way to the old one. */
  private leave(): void {
    if (this.client.status === 'ready') this.client.disconnect(true);
    else this.client.once('ready', () => this.client.disconnect(true));
  }

  private ear(host = '127.0.0.1', port = 26379): Redis {
    const { sentinelTLS, enableTLSForSentinelMode, connectTimeout } = this.client.options;
    return new Redis({
      host,
      port,
      connectTimeout,
      lazyConnect: true,
      autoResubscribe: false,
      retryStrategy: (attempt) => Math.min(50 * attempt, LONGEST_PAUSE_MS),
      ...(enableTLSForSentinelMode && { tls: sentinelTLS ?? {} }),
    });
  }
}
