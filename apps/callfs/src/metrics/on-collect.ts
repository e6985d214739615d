import type { Gauge } from 'prom-client';

/** Has a gauge take its value when someone asks for the metrics, not before. */
export function onCollect<L extends string>(gauge: Gauge<L>, collect: (gauge: Gauge<L>) => void | Promise<void>): void {
  // prom-client calls `collect` before it reads a metric; its types know it as an option of the constructor alone.
  (gauge as Gauge<L> & { collect: () => void | Promise<void> }).collect = () => collect(gauge);
}
