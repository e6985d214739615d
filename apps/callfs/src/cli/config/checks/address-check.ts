import { once } from 'node:events';
import { createServer } from 'node:net';
import type { ListenAddress } from '../../../config/config';
import { showAddress } from '../../../config/startup/address-failure';
import type { Seen } from './check';

/** Listens for a moment, and accepts nobody. */
export async function checkAddress(address: ListenAddress): Promise<Seen> {
  const server = createServer((socket) => socket.destroy());
  server.listen({ port: address.port, host: address.host === '' ? undefined : address.host });
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
  return { saw: `${showAddress(address)} is free` };
}
