import { afterAll, beforeAll } from 'vitest';
import { rawExchange, rawRequest, type RawResponse } from '../../support/raw';
import { startShell, type Shell, type ShellOptions } from './shell';

/** A shell for the tests of a file; the object is filled in before they run. */
export function useShell(options: ShellOptions = {}): Shell {
  const shell = {} as Shell;
  beforeAll(async () => {
    Object.assign(shell, await startShell(options));
  });
  afterAll(async () => {
    await shell.app.close();
  });
  return shell;
}

/** One request, one answer. */
export async function ask(
  shell: { host: string; port: number },
  method: string,
  target: string,
  headers: Record<string, string | number> = {},
  body = '',
): Promise<RawResponse & { json: Record<string, unknown>; text: string }> {
  const { responses } = await rawExchange(shell, rawRequest(method, target, headers, body), {
    heads: method === 'HEAD' ? [0] : [],
  });
  const response = responses.find(({ status }) => status >= 200);
  if (response === undefined) throw new Error(`${method} ${target} was not answered`);
  const text = response.body.toString();
  return {
    ...response,
    text,
    get json() {
      return JSON.parse(text) as Record<string, unknown>;
    },
  };
}
