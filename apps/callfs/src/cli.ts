import 'reflect-metadata';
import { CommandFactory } from 'nest-commander';
import { CliModule } from './cli/cli.module';
import { exitCodeOf, reportFailure } from './cli/exit-codes';

async function main(): Promise<void> {
  await CommandFactory.run(CliModule, {
    abortOnError: false,
    logger: false,
    cliName: 'callfs',
    errorHandler: (error) => fail(error),
    serviceErrorHandler: (error) => fail(error),
  });
}

function fail(error: unknown): void {
  reportFailure(error);
  process.exitCode = exitCodeOf(error);
  // A command that failed has nothing left to wait for; what it opened must not keep the process.
  setImmediate(() => process.exit());
}

main().catch(fail);
