import 'reflect-metadata';
import { CommandFactory } from 'nest-commander';
import { CliModule } from './cli/cli.module';
import { EXIT, exitCodeOf, reportFailure } from './cli/exit-codes';
import { programOf, prepareCommands } from './cli/program';
import { readVersion } from './cli/version';

/** `runApplication` resolves also when a command has failed. */
let hasFailed = false;

async function main(): Promise<void> {
  const app = await CommandFactory.createWithoutRunning(CliModule, {
    abortOnError: false,
    logger: false,
    cliName: 'callfs',
    version: readVersion(),
    serviceErrorHandler: fail,
  });
  prepareCommands(programOf(app));
  // Node ends a program that has nothing left to wait for, whether or not it is done.
  process.exitCode = EXIT.failed;
  await CommandFactory.runApplication(app);
  if (!hasFailed) process.exitCode = EXIT.done;
}

function fail(error: unknown): void {
  hasFailed = true;
  reportFailure(error);
  process.exitCode = exitCodeOf(error);
  // A command that failed has nothing left to wait for; what it opened must not keep the process.
  setImmediate(() => process.exit());
}

main().catch(fail);
