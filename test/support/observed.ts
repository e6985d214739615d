import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Client } from './client';
import type { TestServer } from './server';

const LOOK_EVERY_MS = 50;

/** Waits for so long until a value is what it should be; the last one seen is what a failing test shows. */
export function settlesWithin(withinMs: number): <T>(read: () => Promise<T>, expected: T) => Promise<void> {
  return async (read, expected) => {
    const deadline = Date.now() + withinMs;
    let value = await read();
    while (JSON.stringify(value) !== JSON.stringify(expected) && Date.now() < deadline) {
      await delay(LOOK_EVERY_MS);
      value = await read();
    }
    // Not read again: what has settled for one request may move for the next.
    expect(value).toEqual(expected);
  };
}

/** A value of `/metrics`; `name` is a pattern, labels included. `NaN` when it is not there. */
export async function metricOf(root: Client, name: string): Promise<number> {
  const { text } = await root.request('GET', '/metrics');
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? NaN);
}

/** What a server has open: files and sockets, their numbers taken out. */
export async function descriptorsOf(server: TestServer): Promise<string[]> {
  return (await server.openDescriptors()).map((name) => name.replace(/\d+/g, 'n'));
}

/** What it has open that it had not then. A connection that a client of the test ended meanwhile is not missed. */
export async function openedSince(server: TestServer, then: readonly string[]): Promise<string[]> {
  const known = [...then];
  return (await descriptorsOf(server)).filter((name) => {
    const at = known.indexOf(name);
    if (at >= 0) known.splice(at, 1);
    return at < 0;
  });
}
