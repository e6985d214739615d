import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { S3Server, type S3Place } from './s3';

type Reply = { readonly place: S3Place } | { readonly failure: string };

/** Where the files of a run ask for it; the run has this directory for itself (`leakCheck`). */
const socketPath = () => join(tmpdir(), 's3.sock');

/** One S3 server for a whole run, started when the first file asks for it: a run without one waits for none. */
export default async function sharedS3(): Promise<() => Promise<void>> {
  let server: Promise<S3Server> | undefined;
  const reply = async (): Promise<Reply> => {
    try {
      return { place: (await (server ??= S3Server.start())).place };
    } catch (error) {
      return { failure: String(error) };
    }
  };
  // Whoever asks and goes away again is not waited for.
  const door = createServer((socket) => {
    socket.on('error', () => undefined);
    void reply().then((said) => socket.end(JSON.stringify(said)));
  });
  door.listen(socketPath());
  await once(door, 'listening');
  return async () => {
    door.close();
    rmSync(socketPath(), { force: true });
    await (await server?.catch(() => undefined))?.stop();
  };
}

/** The S3 server of this run. */
export async function askForS3(): Promise<S3Place> {
  const reply = JSON.parse(await text(connect(socketPath()))) as Reply;
  if ('failure' in reply) throw new Error(reply.failure);
  return reply.place;
}
