import type { ListenAddress } from '../config';
import { holderOf } from './port-holder';
import { StartupError } from './startup-error';

/** The error of `listen` on the address that `key` has; undefined when it is about something else. */
export function explainAddress(code: string, key: string, address: ListenAddress, cause: unknown): StartupError | undefined {
  const shown = showAddress(address);
  const fail = (reason: string, next: string) => new StartupError({ kind: 'address', key, reason, next, cause });
  switch (code) {
    case 'EADDRINUSE': {
      const holder = holderOf(address.port);
      const who = holder === undefined ? '' : `, held by process ${holder.pid} (${holder.command})`;
      return fail(`address already in use: ${shown}${who}`, `Stop that process, or set ${key} to another port.`);
    }
    case 'EACCES':
      return fail(
        `permission denied to listen on ${shown}: ports below 1024 need a privilege`,
        `Set ${key} to a port from 1024 up, or grant the capability CAP_NET_BIND_SERVICE.`,
      );
    case 'EADDRNOTAVAIL':
    case 'EINVAL':
      return fail(
        `${shown} is not an address of this machine`,
        `Set ${key} to one that is, or to ":${address.port}" for all of them.`,
      );
    case 'EAFNOSUPPORT':
      return fail(`this machine has no network of the kind of ${shown}`, `Set ${key} to an IPv4 address.`);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return fail(`the host name of ${shown} cannot be resolved (${code})`, `Set ${key} to an address of this machine.`);
    default:
      return undefined;
  }
}

export function showAddress({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
