import { CallfsError } from '@callfs/core';

interface Session {
  readonly aborter: AbortController;
  readonly over: Promise<unknown>;
}

/**
 * Who is at work on which upload in this process: one at a time. Whoever comes takes over: the one before is told to stop
 * taking bytes, and waited for until what it has is recorded. A client that reconnects never waits for the connection
 * that it has lost. Between nodes the attempts of `UploadTable` do the same.
 */
export class UploadSessions {
  private readonly running = new Map<string, Session>();

  async run<T>(id: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    for (let before = this.running.get(id); before; before = this.running.get(id)) {
      before.aborter.abort(takenOver());
      await before.over;
    }
    const aborter = new AbortController();
    const result = work(aborter.signal);
    const session = { aborter, over: result.catch(() => undefined).then(() => this.leave(id)) };
    this.running.set(id, session);
    return result;
  }

  private leave(id: string): void {
    this.running.delete(id);
  }
}

export function takenOver(cause?: unknown): CallfsError {
  const message = 'Another request has taken this upload over. Ask with HEAD how much of it is stored.';
  return new CallfsError('UPLOAD_TAKEN_OVER', message, { cause });
}
