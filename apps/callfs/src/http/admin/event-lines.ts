import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';
import { sendStream } from '../respond';

/** Work may have nothing to tell for long; whoever waits wants to know that it goes on. A node that is asked by another may be silent for 8 s. */
const SILENCE_MS = 3_000;
const STILL_AT_IT = { event: 'progress' };

/**
 * Answers with what a long piece of work tells, one JSON object a line, as it comes. The last line is its summary: an
 * answer without one was cut short. When the client goes away, the work ends at its next line.
 */
export function sendEvents(reply: FastifyReply, events: AsyncIterable<object>): Promise<void> {
  return sendStream(reply, 200, { 'Content-Type': 'application/x-ndjson' }, eventLines(events));
}

/** The same, for an answer that is no route of the API. */
export async function* eventLines(events: AsyncIterable<object>): AsyncGenerator<Buffer> {
  const iterator = events[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = iterator.next();
      while (await isSilent(step)) yield lineOf(STILL_AT_IT);
      const result = await step;
      if (result.done) return;
      yield lineOf(result.value);
    }
  } finally {
    await iterator.return?.();
  }
}

async function isSilent(step: Promise<unknown>): Promise<boolean> {
  const timer = new AbortController();
  const silence = delay(SILENCE_MS, true, { signal: timer.signal, ref: false }).catch(() => false);
  const spoken = step.then(
    () => false,
    () => false,
  );
  try {
    return await Promise.race([silence, spoken]);
  } finally {
    timer.abort();
  }
}

function lineOf(event: object): Buffer {
  return Buffer.from(`${JSON.stringify(event)}\n`);
}
