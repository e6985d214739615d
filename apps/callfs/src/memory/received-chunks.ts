import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What came in chunks, before those that nobody has any more are freed. */
const FREE_EVERY_BYTES = 8 * 1024 * 1024;

type Collect = (options: { type: 'minor'; execution: 'sync' }) => void;

let collect: Collect | undefined;
let received = 0;

/**
 * To be told of every chunk that comes over a connection, in bytes. Node allocates each anew, outside of V8's heap, and V8
 * frees them with its next collection: by itself after 32 MiB, and from 64 MiB on with all of the heap, which holds the event
 * loop for tens of milliseconds several times in a large upload. A minor collection every 8 MiB takes less than one, keeps the
 * chunks in the processor's cache, and the memory of many bodies small. Node offers no other way to ask for one than V8's own
 * `gc`.
 */
export function chunkReceived(bytes: number): void {
  received += bytes;
  if (received < FREE_EVERY_BYTES) return;
  received = 0;
  collect ??= collector();
  collect({ type: 'minor', execution: 'sync' });
}

function collector(): Collect {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as Collect;
}
