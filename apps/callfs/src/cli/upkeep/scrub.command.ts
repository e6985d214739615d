import { Command, CommandRunner, Help, Option } from 'nest-commander';
import type { ScrubReportEvent, ScrubView } from '../../use-cases/upkeep/scrub-report';
import { AdminClient } from '../admin-client';
import { byteSize } from '../byte-size';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';
import { CommandEnd, CommandFailure, EXIT } from '../exit-codes';
import { plain } from '../locks/lock-table';
import { painterFor, type Paint } from '../style';
import { findingText } from './finding-text';

interface ScrubOptions extends ConfigOption {
  readonly now?: boolean;
  readonly json?: boolean;
  readonly color?: boolean;
}

@Command({
  name: 'scrub',
  arguments: '[status]',
  description: "tell how the check of a node's blobs in the background goes, or check all of them --now",
})
export class ScrubCommand extends CommandRunner {
  async run([action = 'status']: string[], options: ScrubOptions): Promise<void> {
    if (action !== 'status') this.command.error(`error: unknown argument '${action}'; expected status`);
    const paint = painterFor(process.stdout, options);
    const client = AdminClient.for(options);
    if (options.now) return checkNow(client, options, paint);
    const { scrubs } = await client.get<{ scrubs: ScrubView[] }>('/v1/admin/scrub');
    if (options.json) process.stdout.write(`${JSON.stringify(scrubs, null, 2)}\n`);
    else for (const scrub of scrubs) process.stdout.write(statusText(scrub, paint));
    if (scrubs.some(({ damaged }) => damaged.length > 0)) throw new CommandEnd(EXIT.failed);
  }

  @Option({ flags: '--now', description: "check all of the node's blobs now, as fast as it goes" })
  now(): boolean {
    return true;
  }

  @Option({ flags: '--json', description: 'JSON: the status, or with --now one object a line' })
  json(): boolean {
    return true;
  }

  @Option(CONFIG_OPTION)
  config(file: string): string {
    return file;
  }

  @Help('after')
  examples(): string {
    return `
Each node checks the blobs on its own disk (storage.scrub_rate_bytes); damaged ones are replaced from another copy.
Exit codes: 0 no damage, 1 damage that could not be mended, 3 cut short, 4 no server answers.

Examples:
  callfs scrub
  callfs scrub --now
  callfs scrub status --json | jq '.[].damaged'`;
  }
}

async function checkNow(client: AdminClient, { json }: ScrubOptions, paint: Paint): Promise<void> {
  let summary: Extract<ScrubReportEvent, { event: 'summary' }> | undefined;
  for await (const event of client.events<ScrubReportEvent>('POST', '/v1/admin/scrub')) {
    if (event.event === 'summary') summary = event;
    if (json) process.stdout.write(`${JSON.stringify(event)}\n`);
    else if (event.event === 'finding') process.stdout.write(`${findingText(event, paint)}\n`);
  }
  if (!summary) throw new CommandFailure('the check was cut short; try again.', EXIT.failed);
  const { blobs, bytes, findings, remaining, complete } = summary;
  if (!json) process.stdout.write(`${blobs} blobs, ${byteSize(bytes)} checked; ${findings} damaged, ${remaining} remain so\n`);
  if (remaining > 0) throw new CommandEnd(EXIT.failed);
  if (!complete) throw new CommandEnd(EXIT.partly);
}

function statusText({ backend, instance_id, state, rate_bytes, ...scrub }: ScrubView, paint: Paint): string {
  const lines = [`${backend} of ${instance_id}: ${state}, ${byteSize(rate_bytes)} a second`];
  if (scrub.started !== null)
    lines.push(
      `  ${state === 'running' ? 'pass' : 'last pass'} since ${scrub.started}: ${scrub.blobs} blobs, ${byteSize(scrub.bytes)}`,
    );
  if (scrub.finished !== null) lines.push(`  finished ${scrub.finished}`);
  if (scrub.next !== null) lines.push(`  next pass ${scrub.next}`);
  for (const { key, content, problem, found, paths } of scrub.damaged) {
    const files = paths.map((path) => plain(JSON.stringify(path))).join(', ') || `content ${content}`;
    lines.push(`  ${paint('red', 'damaged')}  ${files}: ${problem} (blob ${key}, found ${found})`);
  }
  return lines.map((line) => `${line}\n`).join('');
}
