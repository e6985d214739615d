import { once } from 'node:events';
import { Command, CommandRunner, Option } from 'nest-commander';
import { describeProblem } from '../config/problem';
import { loadConfig, type LoadedConfig } from '../config/load-config';

interface ServerOptions {
  readonly config?: string;
}

/** `callfs server`: runs until SIGTERM or SIGINT; a second signal ends it at once. SIGHUP takes up a renewed certificate. */
@Command({ name: 'server', description: 'Run the server.' })
export class ServerCommand extends CommandRunner {
  async run(_arguments: string[], options: ServerOptions): Promise<void> {
    const loaded = loadConfig({ file: options.config, cwd: process.cwd(), env: process.env });
    for (const warning of loaded.warnings) process.stderr.write(`warning: ${describeProblem(warning)}\n`);
    // Loaded only now: the other commands start without the server's weight.
    const { startServer } = await import('../main.js');
    const server = await startServer(loaded.config);
    process.on('SIGHUP', () => void server.reloadCertificate());
    // Whoever reads the greeting may stop the server at once.
    const told = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
    process.stdout.write(greeting(server.url, loaded));
    await told;
    process.once('SIGTERM', () => process.exit(1));
    process.once('SIGINT', () => process.exit(1));
    await server.close();
    process.exit(0);
  }

  @Option({ flags: '--config <file>', description: 'configuration file (default: config.yaml, config.yml or config.json here)' })
  config(file: string): string {
    return file;
  }
}

function greeting(url: string, { embedded, config }: LoadedConfig): string {
  const line = `callfs is listening on ${url}\n`;
  if (embedded === undefined) return line;
  const { apiKey } = embedded;
  return `${line}
No configuration was found, so this server runs embedded: everything is kept in ./callfs-data/.

  API key   ${apiKey}
  Upload    curl -H "Authorization: Bearer ${apiKey}" --data-binary "Hello" ${url}/v1/files/hello.txt
  Download  curl -H "Authorization: Bearer ${apiKey}" ${url}/v1/files/hello.txt
${config.console.enabled ? `  Docs      ${url}/docs\n` : ''}`;
}
