import type { Logger } from 'pino';
import type { AccessLog } from '../logging/access-log';
import type { HttpMetrics } from '../metrics/http-metrics';
import type { RequestAudit } from './audit/request-audit';
import { asCallfsError } from './error-response';
import { ERROR_TABLE } from './error-table';
import type { Exchange } from './exchange';
import type { ExchangeObserver } from './front';
import type { RemoteAddress } from './remote-address';

const SWITCHED = 101;
/** What nginx notes for a client that closed the connection before it had an answer. */
const CLIENT_CLOSED = 499;

/** Notes every request when it is over: the access line, the metrics, and the cause of a 5xx under the same id. */
export class RequestRecorder implements ExchangeObserver {
  /** Set by who has an audit log. */
  audit: RequestAudit | undefined;

  constructor(
    private readonly accessLog: AccessLog,
    private readonly metrics: HttpMetrics,
    private readonly addresses: RemoteAddress,
    private readonly logger: Logger,
  ) {}

  finished(exchange: Exchange): void {
    const { request, response } = exchange;
    const { upgraded } = exchange;
    const aborted = upgraded ? !upgraded.clean : !response.writableFinished;
    const answered = aborted && !response.headersSent ? CLIENT_CLOSED : response.statusCode;
    const status = upgraded ? SWITCHED : answered;
    const method = request.method ?? '';
    const durationMs = performance.now() - exchange.startedAtMs;
    this.metrics.count(method, exchange.route, status, durationMs / 1000, exchange.bytesIn, exchange.bytesOut);
    const address = this.addresses.of(request);
    this.audit?.finished(exchange, status, address);
    if (exchange.isRoutine) return;
    this.accessLog.write({
      requestId: exchange.requestId,
      traceId: exchange.traceId,
      method,
      path: exchange.target.path,
      status,
      aborted,
      durationMs,
      bytesIn: exchange.bytesIn,
      bytesOut: exchange.bytesOut,
      user: exchange.identity?.user ?? exchange.actingFor ?? '',
      remoteAddress: address,
      userAgent: request.headers['user-agent'] ?? '',
    });
    if (exchange.failure !== undefined) this.noteFailure(exchange);
  }

  refused(refusal: { requestId: string; status: number; remoteAddress: string }): void {
    this.metrics.count('', '', refusal.status, 0, 0, 0);
    this.accessLog.write({
      requestId: refusal.requestId,
      traceId: refusal.requestId,
      method: '-',
      path: '-',
      status: refusal.status,
      aborted: false,
      durationMs: 0,
      bytesIn: 0,
      bytesOut: 0,
      user: '',
      remoteAddress: refusal.remoteAddress,
      userAgent: '',
    });
  }

  private noteFailure({ requestId, failure }: Exchange): void {
    const error = asCallfsError(failure);
    if (ERROR_TABLE[error.code].status < 500) return;
    this.metrics.failed(error.code);
    // A full disk, or too many keys, is for somebody to mend, and not where in the program it was found out.
    if (error.code === 'INSUFFICIENT_STORAGE') {
      const cause = error.cause instanceof Error ? error.cause.message : undefined;
      this.logger.warn({ code: error.code, cause, request_id: requestId }, error.message);
      return;
    }
    this.logger.error({ err: error.code === 'INTERNAL_ERROR' ? failure : error, request_id: requestId }, error.message);
  }
}
