import { CommandFailure, EXIT } from '../exit-codes';
import { refusedKey } from '../server-address';

/** What the server says of a request that it does not answer with success. Fails a command with the server's words. */
export class ServerRefusal extends CommandFailure {
  constructor(
    readonly status: number,
    /** As docs/api.md lists them; empty when something else than CallFS answered. */
    readonly code: string,
    reason: string,
  ) {
    super(reason, status === 502 || status === 503 ? EXIT.unreachable : EXIT.failed);
  }

  static of(url: string, status: number, text: string): ServerRefusal {
    try {
      const { code, message, request_id } = JSON.parse(text) as Partial<Record<'code' | 'message' | 'request_id', string>>;
      if (code === 'AUTHENTICATION_FAILED') return new ServerRefusal(status, code, refusedKey(url));
      if (code !== undefined && message !== undefined)
        return new ServerRefusal(status, code, status >= 500 ? `${message} (request ${request_id ?? '?'})` : message);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    return new ServerRefusal(status, '', `${url} answers ${status}, but not as CallFS does. Is CALLFS_URL right?`);
  }
}

export function isMissing(error: unknown): boolean {
  return error instanceof ServerRefusal && error.code === 'FILE_NOT_FOUND';
}
