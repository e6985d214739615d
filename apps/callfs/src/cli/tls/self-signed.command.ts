import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { CommandRunner, Help, Option, SubCommand } from 'nest-commander';
import { selfSignedCertificate } from './self-signed-certificate';

interface SelfSignedOptions {
  readonly host?: readonly string[];
  readonly out: string;
  readonly days: number;
}

const ALWAYS = ['localhost', '127.0.0.1', '::1'];
const HOST_NAME =
  /^(?=.{1,253}$)(?:\*\.)?(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$/;

@SubCommand({ name: 'self-signed', description: 'make a certificate for development: server.crt and server.key' })
export class SelfSignedCommand extends CommandRunner {
  async run(_arguments: string[], { host = [], out, days }: SelfSignedOptions): Promise<void> {
    const hosts = [...new Set([...host, ...ALWAYS])];
    const { certificatePem, keyPem, expires } = selfSignedCertificate(hosts, days, new Date());
    const files = { certificate: join(out, 'server.crt'), key: join(out, 'server.key') };
    writePair(out, files, certificatePem, keyPem);
    process.stdout.write(`${files.certificate}\n${files.key}\n`);
    process.stderr.write(
      `callfs: made for ${hosts.join(', ')}, valid until ${expires.toISOString().slice(0, 10)}. ` +
        `Clients trust it with: curl --cacert ${files.certificate}\n`,
    );
  }

  @Option({ flags: '--host <name>', description: 'a host name or address that clients use; may be given several times' })
  host(name: string, earlier: readonly string[] = []): string[] {
    if (isIP(name) === 0 && !HOST_NAME.test(name)) throw new InvalidArgumentError('Expected a host name or an IP address.');
    return [...earlier, name];
  }

  @Option({ flags: '--out <directory>', description: 'where to write the two files; made when it is missing', defaultValue: '.' })
  out(directory: string): string {
    return directory;
  }

  @Option({ flags: '--days <number>', description: 'how long it is valid', defaultValue: 365 })
  days(text: string): number {
    const days = Number(text);
    if (!Number.isInteger(days) || days < 1 || days > 3650)
      throw new InvalidArgumentError('Expected a whole number from 1 to 3650.');
    return days;
  }

  @Help('after')
  examples(): string {
    return `
localhost, 127.0.0.1 and ::1 are always in it. Existing files are not overwritten.

Examples:
  callfs tls self-signed
  callfs tls self-signed --host files.test --host 10.0.0.5 --out /etc/callfs --days 90`;
  }
}

function writePair(out: string, files: { certificate: string; key: string }, certificatePem: string, keyPem: string): void {
  for (const path of [files.certificate, files.key]) {
    if (existsSync(path))
      throw new Error(`${path} exists and is not overwritten. Remove it, or name another directory with --out.`);
  }
  try {
    if (!existsSync(out)) mkdirSync(out);
    writeFileSync(files.key, keyPem, { flag: 'wx', mode: 0o600 });
    try {
      writeFileSync(files.certificate, certificatePem, { flag: 'wx', mode: 0o644 });
    } catch (error) {
      rmSync(files.key);
      throw error;
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new Error(`The certificate cannot be written to ${out} (${code}). Name a directory that you may write to with --out.`, {
      cause: error,
    });
  }
}
