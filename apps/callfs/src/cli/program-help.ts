import type { Command } from 'commander';

/** What `callfs --help` says beside the list of commands. */
export function describeProgram(program: Command): void {
  program.description('CallFS: a REST filesystem on local disks, S3 and peer nodes.');
  program.addHelpText(
    'after',
    `
Examples:
  callfs server                                    without any configuration: keys and data under ./callfs-data/
  callfs config init --output config.yaml          a commented configuration with fresh secrets
  callfs server --config config.yaml
  callfs config validate --config config.yaml --check-connections
  callfs locks list --stale                        locks that somebody left behind
  callfs put -r photos /backup/ && callfs ls -l /backup     with a running server: that of CALLFS_URL, or of the configuration
  callfs keys create --user alice --name laptop    an API key for a user of a running server

Exit codes:
  0  done    1  failed    2  wrong usage    3  partly done    4  a service is unreachable`,
  );
}
