/** A timer that is so much too late was held up: the process stood still, on a machine that was busy or asleep. */
const PAUSED_MS = 100;

/**
 * Calls `expired` when `ms` are over; the function that comes back ends the waiting. After a pause of this process timers run
 * before what has arrived meanwhile is read, and what was asked may not even be sent: then the time begins anew, once, so that
 * nobody else is blamed for it.
 */
export function patience(ms: number, expired: () => void): () => void {
  let timer: NodeJS.Timeout;
  let isOver = false;
  const begin = (mayBeginAnew: boolean): void => {
    const dueMs = performance.now() + ms;
    timer = setTimeout(() => {
      if (mayBeginAnew && performance.now() - dueMs > PAUSED_MS) return begin(false);
      setImmediate(() => {
        if (!isOver) expired();
      });
    }, ms);
  };
  begin(true);
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}
