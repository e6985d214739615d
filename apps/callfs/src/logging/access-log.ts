import type { Log } from './log';
import { withoutSecrets } from './without-secrets';

/** What an access line tells of one request. */
export interface AccessEntry {
  readonly requestId: string;
  readonly traceId: string;
  readonly method: string;
  /** As the client wrote it, without the query. */
  readonly path: string;
  readonly status: number;
  /** The client went away before it had the answer. */
  readonly aborted: boolean;
  readonly durationMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly user: string;
  readonly remoteAddress: string;
  readonly userAgent: string;
}

const USER_AGENT_MAX = 256;
const PATH_MAX = 4096;
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const NOT_PRINTABLE = /[\x7f-\u{10ffff}]/gu;

/**
 * One line for each request, built by hand and given to the log's stream as it is: a generic logger would cost a tenth
 * of the rate of small files. Every value is escaped; what a client wrote can neither end the line nor forge a field.
 */
export class AccessLog {
  private lastMs = 0;
  private lastTime = '';
  private pending = '';
  private readonly flush = (): void => {
    const lines = this.pending;
    this.pending = '';
    this.log.stream.write(lines);
  };

  constructor(private readonly log: Pick<Log, 'stream' | 'tellsInfo'>) {}

  write(entry: AccessEntry): void {
    if (!this.log.tellsInfo) return;
    // What ends in the same turn is handed over at once: the stream measures everything it holds with each write.
    if (this.pending === '') setImmediate(this.flush);
    this.pending +=
      `{"level":"info","time":"${this.now()}","msg":"request","request_id":"${entry.requestId}","trace_id":"${entry.traceId}"` +
      `,"method":"${entry.method}","path":${quoted(withoutSecrets(entry.path), PATH_MAX)},"status":${entry.status}` +
      (entry.aborted ? ',"aborted":true' : '') +
      `,"duration_ms":${Math.round(entry.durationMs * 1000) / 1000},"bytes_in":${entry.bytesIn},"bytes_out":${entry.bytesOut}` +
      `,"user":${quoted(entry.user, USER_AGENT_MAX)},"remote_addr":${quoted(entry.remoteAddress, USER_AGENT_MAX)}` +
      `,"user_agent":${quoted(entry.userAgent, USER_AGENT_MAX)}}\n`;
  }

  private now(): string {
    const ms = Date.now();
    if (ms !== this.lastMs) {
      this.lastMs = ms;
      this.lastTime = new Date(ms).toISOString();
    }
    return this.lastTime;
  }
}

function quoted(text: string, maxLength: number): string {
  const bounded = text.length > maxLength ? text.slice(0, maxLength) : text;
  if (PLAIN.test(bounded)) return `"${bounded}"`;
  return JSON.stringify(bounded).replace(NOT_PRINTABLE, escapeUnicode);
}

function escapeUnicode(character: string): string {
  let escaped = '';
  for (let i = 0; i < character.length; i++) escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`;
  return escaped;
}
