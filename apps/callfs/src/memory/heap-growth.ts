import { setFlagsFromString } from 'node:v8';

/** By so much the heap may grow before all of its garbage is collected: in general, and with many connections open. */
const GROWTH_PERCENT = 60;
const GROWTH_IN_CROWD_PERCENT = 25;
/** So many connections are many; and they are until half of them have gone. */
const CROWD = 256;

let isCrowded = false;

/**
 * Makes V8 collect garbage before the heap has doubled, as it does of itself: what a thousand downloads leave behind took up
 * to 140 MB before it was collected, at the same speed. Less growth costs more collections than small requests beside large
 * ones can bear (`npm run bench:pressure` shows both). V8 looks the flag up after each collection, so that it may be set in
 * a running process.
 */
export function collectEarly(): void {
  setGrowth(GROWTH_PERCENT);
}

/**
 * To be told how many connections are open whenever that changes (over TLS each counts twice). What many of them are in the
 * middle of outlives the collections of young objects, and fills the heap with garbage while its memory is needed for their
 * blocks.
 */
export function connectionsOpen(count: number): void {
  const isCrowd = isCrowded ? count > CROWD / 2 : count >= CROWD;
  if (isCrowd === isCrowded) return;
  isCrowded = isCrowd;
  setGrowth(isCrowded ? GROWTH_IN_CROWD_PERCENT : GROWTH_PERCENT);
}

function setGrowth(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}
