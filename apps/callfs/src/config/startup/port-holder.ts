import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process that listens on a port. */
export interface PortHolder {
  readonly pid: number;
  /** Short: the whole command line may hold secrets. */
  readonly command: string;
}

const LISTENING = '0A';

/** Who listens on a TCP port, as far as Linux lets this user see (proc(5)); undefined elsewhere and when it does not. */
export function holderOf(port: number): PortHolder | undefined {
  try {
    const sockets = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => listeningInodes(table, port)));
    if (sockets.size === 0) return undefined;
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    const pid = pids.find((candidate) => openFiles(candidate).some((target) => sockets.has(target)));
    return pid === undefined ? undefined : { pid: Number(pid), command: readFileSync(`/proc/${pid}/comm`, 'utf8').trim() };
  } catch (error) {
    // No /proc, or the process ended meanwhile: the message goes without its name.
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return undefined;
  }
}

function listeningInodes(table: string, port: number): string[] {
  const rows = readFileSync(table, 'utf8').trim().split('\n').slice(1);
  return rows.flatMap((row) => {
    const [, local = '', , state, , , , , , inode] = row.trim().split(/\s+/);
    return state === LISTENING && Number.parseInt(local.split(':')[1] ?? '', 16) === port ? [`socket:[${inode}]`] : [];
  });
}

/** Empty for a process of another user, or one that has ended. */
function openFiles(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return '';
      }
    });
  } catch {
    return [];
  }
}
