import { getHeapSnapshot } from 'node:v8';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Inspector } from './inspector-session';

const TRACE_CATEGORIES = ['node.async_hooks', 'node.fs.sync', 'node.fs.async', 'node.http', 'node.perf', 'v8'];

/** Where the processor's time goes, as a `.cpuprofile` for the browser's developer tools. */
export async function cpuProfile(inspector: Inspector, seconds: number, signal: AbortSignal): Promise<Buffer> {
  await inspector.call('Profiler.enable');
  await inspector.call('Profiler.start');
  await sleep(seconds * 1000, undefined, { signal });
  const { profile } = await inspector.call<{ profile: object }>('Profiler.stop');
  return Buffer.from(JSON.stringify(profile));
}

/** What the memory holds, as a `.heapsnapshot`. The process stands still while V8 walks its heap. */
export function heapSnapshot(): AsyncIterable<Buffer> {
  return getHeapSnapshot();
}

/** What Node did when, in Chrome's trace event format. */
export async function trace(inspector: Inspector, seconds: number, signal: AbortSignal): Promise<Buffer> {
  const events: object[] = [];
  inspector.on<{ value: object[] }>('NodeTracing.dataCollected', ({ value }) => {
    // One by one: a trace can have more events than a call may have arguments.
    for (const event of value) events.push(event);
  });
  await inspector.call('NodeTracing.start', { traceConfig: { includedCategories: TRACE_CATEGORIES } });
  const complete = inspector.once('NodeTracing.tracingComplete');
  try {
    await sleep(seconds * 1000, undefined, { signal });
  } finally {
    await inspector.call('NodeTracing.stop');
    await complete;
  }
  return Buffer.from(JSON.stringify({ traceEvents: events }));
}
