import { Session } from 'node:inspector';
import { CallfsError } from '@callfs/core';

let busy = false;

/**
 * Lends V8's inspector to one caller at a time: two profiles at once would spoil each other and the service.
 * `RATE_LIMIT_EXCEEDED` while it is lent.
 */
export async function withInspector<T>(work: (inspector: Inspector) => Promise<T>): Promise<T> {
  if (busy) throw new CallfsError('RATE_LIMIT_EXCEEDED', 'A profile is being taken already. Try again when it is done.');
  busy = true;
  const session = new Session();
  session.connect();
  try {
    return await work(new Inspector(session));
  } finally {
    session.disconnect();
    busy = false;
  }
}

/** The inspector protocol with promises. */
export class Inspector {
  constructor(private readonly session: Session) {}

  call<R>(method: string, parameters: object = {}): Promise<R> {
    return new Promise((resolve, reject) => {
      this.session.post(method, parameters, (error, result) => (error === null ? resolve(result as R) : reject(error)));
    });
  }

  on<P>(event: string, listener: (parameters: P) => void): void {
    this.session.on(event, (message: { params: P }) => listener(message.params));
  }

  once(event: string): Promise<void> {
    return new Promise((resolve) => this.session.once(event, () => resolve()));
  }
}
