import 'reflect-metadata';
import { CommandFactory } from 'nest-commander';
import { CliModule } from './cli/cli.module';
import { exitCodeOf, reportFailure } from './cli/exit-codes';
import { programOf, prepareCommands } from './cli/program';
import { readVersion } from './cli/version';

async function main(): Promise<void> {
  const app = await CommandFactory.createWithoutRunning(CliModule, {
    abortOnError: false,
    logger: false,
    cliName: 'callfs',
    version: readVersion(),
    serviceErrorHandler: fail,
  });
  prepareCommands(programOf(app));
  await CommandFactory.runApplication(app);
}

function fail(error: unknown): void {
  reportFailure(error);
  process.exitCode = exitCodeOf(error);
  // A command that failed has nothing left to wait for; what it opened must not keep the process.
  setImmediate(() => process.exit());
}

main().catch(fail);
