import { Injectable } from '@nestjs/common';

/** The steps of a write at which a crash test may stop the process; `copied`: bytes that move are at both places. */
export type FaultPoint = 'staged' | 'locked' | 'copied' | 'committed' | 'before-answer';

/** Stops the process at one step of a write (`debug.pause_at`, for crash tests only), so that a test can kill it there. */
@Injectable()
export class FaultPoints {
  constructor(private readonly pauseAt: string | undefined) {}

  reached(point: FaultPoint): void {
    if (this.pauseAt !== point) return;
    process.stderr.write(`paused ${point}\n`);
    process.kill(process.pid, 'SIGSTOP');
  }
}
