import type { Counter, Histogram } from 'prom-client';
import type { Metrics } from './catalogue';

/** Methods that are counted by name; whatever else a client writes is `OTHER`, so that it cannot invent labels. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Counts requests with children that are looked up once for each method, route and status. */
export class HttpMetrics {
  private readonly requests = new Map<string, Counter.Internal>();
  private readonly durations = new Map<string, Histogram.Internal<'method' | 'path'>>();
  private readonly bytesIn: Counter.Internal;
  private readonly bytesOut: Counter.Internal;

  constructor(private readonly metrics: Metrics) {
    this.bytesIn = metrics.bytes.labels('in');
    this.bytesOut = metrics.bytes.labels('out');
  }

  /** `route` is a pattern of the router, empty when none matched. */
  count(method: string, route: string, status: number, seconds: number, bytesIn: number, bytesOut: number): void {
    const name = METHODS.has(method) ? method : 'OTHER';
    const path = route === '' ? 'unmatched' : route;
    const operation = `${name} ${path}`;
    this.durationOf(operation, name, path).observe(seconds);
    this.requestsOf(`${operation} ${status}`, name, path, status).inc();
    if (bytesIn > 0) this.bytesIn.inc(bytesIn);
    if (bytesOut > 0) this.bytesOut.inc(bytesOut);
  }

  /** An error that is not the client's fault. */
  failed(errorType: string): void {
    this.metrics.errors.labels('http', errorType).inc();
  }

  private requestsOf(key: string, method: string, path: string, status: number): Counter.Internal {
    let child = this.requests.get(key);
    if (child === undefined) this.requests.set(key, (child = this.metrics.httpRequests.labels(method, path, String(status))));
    return child;
  }

  private durationOf(key: string, method: string, path: string): Histogram.Internal<'method' | 'path'> {
    let child = this.durations.get(key);
    if (child === undefined) this.durations.set(key, (child = this.metrics.httpDuration.labels(method, path)));
    return child;
  }
}
