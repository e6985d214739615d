import { stringify } from 'yaml';
import { newSecret } from '../../config/embedded';
import { definitionOf, KEY_NAMES, type KeyName } from '../../config/keys';

export type TemplateKind = 'single-node' | 'cluster';

type Chosen = Partial<Record<KeyName, unknown>>;

/** A file with every key there is: those that this kind of node needs are set, the others are comments with their defaults. */
export function configTemplate(kind: TemplateKind): string {
  const chosen: Chosen = { ...keysAndSecrets(), ...(kind === 'cluster' ? clusterNode() : singleNode()) };
  const names = KEY_NAMES.filter((name) => name !== 'debug.pause_at');
  const sections = [...new Set(names.map((name) => name.split('.')[0] ?? ''))];
  return [HEADERS[kind], ...sections.map((section) => sectionText(section, names, chosen))].join('\n');
}

const HEADERS: Readonly<Record<TemplateKind, string>> = {
  'single-node': `# CallFS, one node. Every key is explained in docs/configuration.md; a variable such as
# CALLFS_SERVER_LISTEN_ADDR stands above the file. This file holds secrets: keep it to its owner (chmod 600).
`,
  cluster: `# CallFS, one node of a cluster. Copy this file to every node, secrets included, and change
# instance_discovery.instance_id alone. Correct the addresses of PostgreSQL, Redis and the nodes first.
# This file holds secrets: keep it to its owner (chmod 600).
`,
};

function keysAndSecrets(): Chosen {
  return {
    'auth.api_keys': [newSecret()],
    'auth.internal_proxy_secret': newSecret(),
    'auth.single_use_link_secret': newSecret(),
  };
}

function singleNode(): Chosen {
  return {
    'server.listen_addr': ':8443',
    'backend.localfs_root_path': '/var/lib/callfs',
    'metadata_store.type': 'sqlite',
    'dlm.type': 'local',
  };
}

function clusterNode(): Chosen {
  return {
    'server.listen_addr': ':8443',
    'backend.localfs_root_path': '/var/lib/callfs',
    'metadata_store.type': 'postgres',
    'metadata_store.dsn': `postgres://callfs:${newSecret()}@postgres:5432/callfs?sslmode=prefer`,
    'dlm.type': 'redis',
    'dlm.redis_addr': ['redis:6379'],
    'instance_discovery.instance_id': 'node-1',
    'instance_discovery.peer_endpoints': { 'node-1': 'https://node-1:8443', 'node-2': 'https://node-2:8443' },
  };
}

function sectionText(section: string, names: readonly KeyName[], chosen: Chosen): string {
  const inSection = names.filter((name) => name === section || name.startsWith(`${section}.`));
  const isActive = inSection.some((name) => name in chosen);
  const body = inSection.flatMap((name) => keyText(section, name, chosen));
  const [only] = inSection;
  if (only === section) return `${body.join('\n')}\n`;
  return `${isActive ? '' : '# '}${section}:\n${body.join('\n')}\n`;
}

/** The explanation, and the key with its value; in a section without a value everything is a comment. */
function keyText(section: string, name: KeyName, chosen: Chosen): string[] {
  const { about, fallback } = definitionOf(name);
  // A key of `backend.s3` is written flat: a comment can then be uncommented by itself.
  const word = name === section ? name : name.slice(section.length + 1).replaceAll('.', '_');
  const indent = name === section ? '' : '  ';
  const value = name in chosen ? chosen[name] : fallback;
  const line = `${word}: ${inline(value)}`.trimEnd();
  return [`${indent}# ${about}`, `${indent}${name in chosen ? '' : '# '}${line}`];
}

function inline(value: unknown): string {
  if (value === undefined) return '';
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trim();
}
