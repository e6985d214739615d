import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { definitionOf, KEY_NAMES } from '../../apps/callfs/src/config/keys';
import { ERROR_TABLE } from '../../apps/callfs/src/http/error-table';
import { runCli, useDirectory } from '../cli/run-cli';
import { useServer } from '../support/use-server';

const guide = readFileSync(join(__dirname, '../../docs/troubleshooting.md'), 'utf8');
const directory = useDirectory();

/** Every different text that `pattern` finds in the guide. */
const named = (pattern: RegExp): string[] => [...new Set([...guide.matchAll(pattern)].map(([, found]) => found ?? ''))];

describe('what the guide names is there', () => {
  it.each(named(/`((?:server|auth|log|metrics|backend|storage|metadata_store|dlm|debug|instance_discovery)\.[a-z0-9_.]+)[`:]/g))(
    'the key %s',
    (key) => {
      expect(KEY_NAMES).toContain(key);
      expect(definitionOf(key as (typeof KEY_NAMES)[number])).toBeDefined();
    },
  );

  it.each(named(/\b(\d{3} `[A-Z_]+)`/g))('the error %s, with its status', (text) => {
    const [status, code = ''] = text.split(' `');
    expect(ERROR_TABLE[code as keyof typeof ERROR_TABLE]).toMatchObject({ status: Number(status) });
  });

  it.each(named(/(?<=\.\/|`)callfs ((?:[a-z]+-?)+(?: [a-z]+(?:-[a-z]+)?)?)/g))('the command callfs %s', async (command) => {
    const { code, stdout } = await runCli([...command.split(' '), '--help'], { cwd: directory.path });
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('Usage: callfs') });
  });

  const server = useServer();

  it('each metric', async () => {
    const { text } = await server.client().request('GET', '/metrics');
    const metrics = named(/`((?:callfs|nodejs|process)_[a-z_]+)`/g);
    expect(metrics.length).toBeGreaterThan(3);
    for (const metric of metrics) expect(text).toContain(`# TYPE ${metric} `);
  });
});

it('every symptom that users of CallFS know is in it', () => {
  for (const symptom of [
    'address already in use',
    'certificate not found',
    'invalid certificate',
    'failed to acquire lock',
    'PostgreSQL',
    'Redis',
    '401',
    '403',
    '404',
    '409',
    'iostat -x',
    'lsof -i :8443',
    'psql "postgres://',
    'redis-cli',
    'Authorization: Bearer',
    'callfs_backend_op_duration_seconds',
    'callfs_metadata_db_query_duration_seconds',
  ])
    expect(guide).toContain(symptom);
});
