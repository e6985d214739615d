import { afterAll, afterEach, beforeAll, inject } from 'vitest';
import { secretsIn } from './secrets';
import { startServer, type ServerOptions, type TestServer } from './server';
import { newDatabase } from './shared-database';

/**
 * One server for the tests of a file (or a `describe`): started before them, stopped after them with a clean exit.
 * When a test fails, what the server said meanwhile is printed. Whatever the tests did, no secret is in it (B5).
 * In the project `postgres` its metadata is in a database of its own.
 */
export function useServer(options: ServerOptions = {}): TestServer {
  let server: TestServer | undefined;
  let said = 0;

  beforeAll(async () => {
    const shared = inject('sharedPostgres');
    server = await startServer(shared ? { dsn: await newDatabase(shared), ...options } : options);
  });

  afterEach(({ task }) => {
    const output = server?.output ?? '';
    if (task.result?.state === 'fail') console.error(`The server during "${task.name}":\n${output.slice(said).slice(-8_000)}`);
    said = output.length;
  });

  afterAll(async () => {
    try {
      if (server?.running) await server.stop();
      const told = secretsIn(server?.output ?? '');
      if (told.length > 0) throw new Error(`B5: the server's output holds ${told.join(', ')}.`);
    } finally {
      await server?.remove();
    }
  });

  // The tests are declared before the server runs, so they hold this stand-in.
  return new Proxy({} as TestServer, {
    get: (_, property) => {
      if (!server) throw new Error('The server is not running yet: use it inside a test or a hook.');
      const value: unknown = Reflect.get(server, property, server);
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(server) : value;
    },
  });
}
