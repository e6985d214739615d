import fc from 'fast-check';
import type { Answer, Client } from '../support/client';
import { OutOfModel, Refusal, type Caller, type TreeModel } from './tree-model';

/** One request, as plain data, so that a failing sequence can be read and shrunk. */
export type Operation =
  | { readonly kind: 'get' | 'list' | 'mkdir'; readonly by: string; readonly path: string }
  | { readonly kind: 'put' | 'post'; readonly by: string; readonly path: string; readonly size: number; readonly letter: string }
  | { readonly kind: 'symlink'; readonly by: string; readonly path: string; readonly target: string }
  | { readonly kind: 'remove'; readonly by: string; readonly path: string; readonly recursive: boolean }
  | {
      readonly kind: 'move';
      readonly by: string;
      readonly path: string;
      readonly to: string;
      readonly overwrite: boolean;
      readonly createParents: boolean;
    }
  | {
      readonly kind: 'copy';
      readonly by: string;
      readonly path: string;
      readonly to: string;
      readonly overwrite: boolean;
      readonly recursive: boolean;
    }
  | { readonly kind: 'chmod'; readonly by: string; readonly path: string; readonly mode: number }
  | { readonly kind: 'chown'; readonly by: string; readonly path: string; readonly uid: number };

export const CALLERS: Readonly<Record<string, Caller>> = {
  root: { name: 'root', uid: 0 },
  alice: { name: 'alice', uid: 2001 },
  carol: { name: 'carol', uid: 2003 },
};

// Few names, so that operations meet; `ab` beside `a` and `a_` beside `ab` for what mistakes prefixes or patterns for paths.
const name = fc.constantFrom('a', 'b', 'ab', 'a_');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => `/${names.join('/')}`);
const by = fc.constantFrom('root', 'alice', 'carol');
const letter = fc.constantFrom('x', 'y', 'z');
// Around the edge between content in the metadata and blobs, which is at 64 bytes in this test, and one of many blocks.
const size = fc.constantFrom(0, 1, 64, 65, 70_000);
const target = fc.oneof(path, name, fc.constantFrom('..', '.', '../a', '../b/a', '/', 'a/../b'));
const fileMode = fc.constantFrom(0o777, 0o755, 0o700, 0o644, 0o600, 0o555, 0o077, 0o000);

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('put', 'post'), by, path, size, letter }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('get', 'list', 'mkdir'), by, path }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('symlink'), by, path, target }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove'), by, path, recursive: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('move'), by, path, to: path, overwrite: fc.boolean(), createParents: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('copy'), by, path, to: path, overwrite: fc.boolean(), recursive: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('chmod'), by, path, mode: fileMode }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('chown'), by, path, uid: fc.constantFrom(0, 2001, 2003) }) },
);

export const operations = fc.array(operation, { minLength: 1, maxLength: 30, size: 'max' });

/**
 * What the model says of the operation, having done it: status, code and, of a read, what was read. Undefined when it
 * cannot say, and then nothing is done.
 */
export function predict(model: TreeModel, operation: Operation): string | undefined {
  const caller = CALLERS[operation.by] as Caller;
  try {
    switch (operation.kind) {
      case 'get': {
        const node = model.stat(caller, operation.path);
        if (node.type === 'directory') return `200 ${model.list(caller, operation.path).join()}`;
        return `200 ${model.get(caller, operation.path)}`;
      }
      case 'list':
        return `200 ${model.list(caller, operation.path).join()}`;
      case 'mkdir':
        return model.mkdir(caller, operation.path);
      case 'put':
        return model.put(caller, operation.path, contentOf(operation));
      case 'post':
        return model.post(caller, operation.path, contentOf(operation));
      case 'symlink':
        return model.symlink(caller, operation.path, operation.target);
      case 'remove':
        return model.remove(caller, operation.path, operation.recursive);
      case 'move':
        return model.move(caller, operation.path, operation.to, operation);
      case 'copy':
        return model.copy(caller, operation.path, operation.to, operation);
      case 'chmod':
        return model.chmod(caller, operation.path, operation.mode);
      case 'chown':
        return model.chown(caller, operation.path, operation.uid);
    }
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    if (error instanceof OutOfModel) return undefined;
    throw error;
  }
}

/** The same of the server. Everything happens below `base`, which stands for the model's root. */
export async function perform(client: Client, base: string, operation: Operation): Promise<string> {
  const at = base + operation.path;
  switch (operation.kind) {
    case 'get': {
      const answer = await client.get(at);
      if (answer.status !== 200) return answer.outcome;
      const isDirectory = answer.header('x-callfs-type') === 'directory';
      return `200 ${isDirectory ? namesIn(answer.json) : answer.text}`;
    }
    case 'list': {
      const answer = await client.list(at);
      return answer.status === 200 ? `200 ${namesIn(answer.json.items)}` : answer.outcome;
    }
    case 'mkdir':
      return outcome(client.mkdir(at));
    case 'put':
      return outcome(client.put(at, contentOf(operation)));
    case 'post':
      return outcome(client.post(at, contentOf(operation)));
    case 'symlink':
      return outcome(client.symlink(at, operation.target.startsWith('/') ? base + operation.target : operation.target));
    case 'remove':
      return outcome(client.delete(at, operation));
    case 'move':
      return outcome(
        client.move(at, base + operation.to, { overwrite: operation.overwrite, create_parents: operation.createParents }),
      );
    case 'copy':
      return outcome(
        client.copy(at, base + operation.to, { query: `?overwrite=${operation.overwrite}&recursive=${operation.recursive}` }),
      );
    case 'chmod':
      return outcome(client.patch(at, { mode: operation.mode.toString(8).padStart(4, '0') }));
    case 'chown':
      return outcome(client.patch(at, { owner: operation.uid }));
  }
}

export function contentOf({ letter: text, size: length }: { letter: string; size: number }): string {
  return text.repeat(length);
}

async function outcome(pending: Promise<Answer>): Promise<string> {
  return (await pending).outcome;
}

function namesIn(items: { name: string }[]): string {
  return items.map((item) => item.name).join();
}
