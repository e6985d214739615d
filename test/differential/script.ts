import type { Operation, Run } from './operation';
import { requestFor } from './server-side';
import { DIFFERENTIAL_USERS } from './users';

/** The operations as a shell script that does them with curl on a server with the users of this test. */
export function scriptOf(operations: readonly Operation[], run: Run): string {
  return operations.map((operation) => curlOf(operation, run).replaceAll(run.root, '$DIR')).join('\n');
}

function curlOf(operation: Operation, run: Run): string {
  const { method, target, headers, body } = requestFor(operation, run);
  const fields = Object.entries({ authorization: `Bearer $${operation.by.toUpperCase()}`, ...headers });
  const options = fields.map(([name, value]) => ` -H "${name}: ${String(value)}"`).join('');
  const data = body === undefined || body === '' ? '' : ` -d '${body}'`;
  return `curl ${method === 'HEAD' ? '-I' : `-X ${method}`}${options}${data} "$URL${target}"`;
}

/** Who the users are, for the reader of a script. */
export function legend(): string {
  const users = DIFFERENTIAL_USERS.map(({ name, uid, groups, umask }) => `${name} ${uid} [${groups.join(' ')}] umask ${umask}`);
  return `users: ${users.join(', ')}; "$DIR" is a directory that everybody may write`;
}
