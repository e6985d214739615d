import { CallfsError } from '@callfs/core';
import type { DataSource } from 'typeorm';

/** What is to become of a schema that an older version has made. */
export interface SchemaOptions {
  /** It stays as it is, for nodes of that version may be running: then it is refused. */
  readonly keepsSchema?: boolean;
}

/**
 * Refuses, with `METADATA_UNAVAILABLE`, a schema that this program does not know and, if it is to stay as it is, one of an older
 * version. `applied`: the migrations that the metadata has seen; `where` begins the message.
 */
export function refuseUnknownSchema(
  { migrations }: DataSource,
  applied: readonly { readonly name: string }[],
  where: string,
  { keepsSchema = false }: SchemaOptions,
): void {
  const known = migrations.map(({ name, constructor }) => name ?? constructor.name);
  const newer = applied.find(({ name }) => !known.includes(name));
  if (newer)
    throw refusal(`${where} was written by a newer CallFS (it has "${newer.name}"). Start that version, or restore a backup.`);
  const missing = known.find((name) => !applied.some((migration) => migration.name === name));
  if (!keepsSchema || missing === undefined) return;
  if (applied.length === 0) throw refusal(`${where} is empty: no CallFS has been started on it.`);
  throw refusal(
    `${where} is of an older CallFS (it lacks "${missing}"), and reading it does not change that: nodes of that version may be running. ` +
      'Use the callfs of that version, or start this one, which brings it up to date.',
  );
}

function refusal(message: string): CallfsError {
  return new CallfsError('METADATA_UNAVAILABLE', message);
}
