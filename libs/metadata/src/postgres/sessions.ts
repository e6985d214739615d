import { setTimeout as delay } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import { isRetryable, metadataError } from './postgres-errors';

const MAX_ATTEMPTS = 10;
const FIRST_PAUSE_MS = 2;
const MAX_PAUSE_MS = 100;
/** A node that leaves a transaction alone for so long has stopped or is cut off; what it holds, the others wait for. */
const SILENCE_MS = 3_000;

/** Prepared once for each connection, under the name. */
export interface Prepared {
  readonly name: string;
  readonly text: string;
}

/** Who runs one statement that changes something: a transaction of its own, or part of one. */
export interface Changes {
  change<R>(statement: Prepared, values: readonly unknown[]): Promise<R[]>;
}

/** The connections of a store: single statements and transactions, retried where nothing has happened. */
export class Sessions implements Changes {
  constructor(private readonly pool: Pool) {}

  /** One statement that reads. A connection that was found dead is replaced by another, once. */
  async read<R>(statement: Prepared, values: readonly unknown[]): Promise<R[]> {
    try {
      return (await this.pool.query<R & object>({ ...statement, values: [...values] })).rows;
    } catch (error) {
      if (!isConnectionLost(error)) throw metadataError(error);
    }
    try {
      return (await this.pool.query<R & object>({ ...statement, values: [...values] })).rows;
    } catch (error) {
      throw metadataError(error);
    }
  }

  /** One statement that changes something and is a transaction by itself. */
  change<R>(statement: Prepared, values: readonly unknown[]): Promise<R[]> {
    return this.retried(async () => (await this.pool.query<R & object>({ ...statement, values: [...values] })).rows);
  }

  /**
   * Several statements in one transaction, which PostgreSQL ends when the next does not come in time. Each may take
   * `timeoutMs`; absent: what every statement of the connections may.
   */
  transaction<T>(work: (client: TransactionClient) => Promise<T>, timeoutMs?: number): Promise<T> {
    return this.retried(async () => {
      const client = await this.pool.connect();
      let broken: Error | undefined;
      try {
        const bounds = timeoutMs === undefined ? '' : `; SET LOCAL statement_timeout = ${timeoutMs}`;
        await client.query(`BEGIN; SET LOCAL idle_in_transaction_session_timeout = ${SILENCE_MS}${bounds}`);
        const result = await work(new TransactionClient(client, timeoutMs));
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch((failed: unknown) => (broken = failed as Error));
        throw error;
      } finally {
        client.release(broken);
      }
    });
  }

  private async retried<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (!isRetryable(error) || attempt >= MAX_ATTEMPTS) throw metadataError(error, true);
        await delay(Math.random() * Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt));
      }
    }
  }
}

/** A connection within a transaction. */
export class TransactionClient implements Changes {
  constructor(
    private readonly client: PoolClient,
    private readonly timeoutMs?: number,
  ) {}

  async rows<R>(text: string, ...values: readonly unknown[]): Promise<R[]> {
    const limits = this.timeoutMs === undefined ? {} : { query_timeout: this.timeoutMs + 1000 };
    return (await this.client.query<R & object>({ text, values: [...values], ...limits })).rows;
  }

  change<R>({ text }: Prepared, values: readonly unknown[]): Promise<R[]> {
    return this.rows<R>(text, ...values);
  }
}

/** The connection broke before an answer came. Reading again does no harm. */
export function isConnectionLost(error: unknown): boolean {
  const { code, message = '' } = (error ?? {}) as { code?: string; message?: string };
  return (
    code === 'ECONNRESET' ||
    code === 'EPIPE' ||
    code === '57P01' ||
    /^(Connection terminated|Client has encountered a connection error)/.test(message)
  );
}
