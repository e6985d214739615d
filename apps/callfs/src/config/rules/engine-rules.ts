import type { Judgement } from './judgement';

export function judgeEngines(judgement: Judgement): void {
  judgeMetadataStore(judgement);
  judgeLocks(judgement);
  judgeNodes(judgement);
}

function judgeMetadataStore({ values, isGiven, refuse, warn }: Judgement): void {
  const type = values['metadata_store.type'];
  if (type === 'postgres' && !isGiven('metadata_store.dsn'))
    refuse(
      'metadata_store.dsn',
      'is missing; metadata_store.type postgres needs it: postgres://user:password@host:port/database',
    );
  if (type === 'sqlite' && values['metadata_store.dsn'] !== undefined)
    warn('metadata_store.dsn', 'is not used, as metadata_store.type is sqlite');
  if (type === 'postgres' && isGiven('metadata_store.sqlite_path'))
    warn('metadata_store.sqlite_path', 'is not used, as metadata_store.type is postgres');
}

function judgeLocks({ values, isGiven, refuse, warn }: Judgement): void {
  const cluster = values['dlm.redis_cluster'];
  const addresses = values['dlm.redis_addr'];
  const sentinels = values['dlm.redis_sentinels'];
  const listed = Array.isArray(cluster) && cluster.length > 0;
  const anyAddress = addresses.length > 0 || sentinels.length > 0 || listed;
  const wrongAddress = isGiven('dlm.redis_addr') && addresses.length === 0;
  if (values['dlm.type'] === 'redis' && !anyAddress && !wrongAddress)
    refuse('dlm.redis_addr', 'is missing; dlm.type redis needs it: "host:port"');
  if (values['dlm.type'] === 'local' && anyAddress) warn('dlm.redis_addr', 'is not used, as dlm.type is local');
  if (sentinels.length > 0 && (addresses.length > 0 || cluster !== false))
    refuse('dlm.redis_sentinels', 'the sentinels know the addresses; leave out dlm.redis_addr and dlm.redis_cluster');
  if (listed && addresses.length > 0)
    refuse('dlm.redis_cluster', 'dlm.redis_addr has addresses as well; keep one of the two, or set this to true');
  if ((cluster === true || listed || addresses.length > 1) && values['dlm.redis_db'] !== 0)
    refuse('dlm.redis_db', 'a Redis Cluster has database 0 alone');
  if (values['dlm.redis_username'] !== undefined && !isGiven('dlm.redis_password'))
    refuse('dlm.redis_password', 'is missing; dlm.redis_username is set');
}

function judgeNodes({ values, isGiven, refuse, warn }: Judgement): void {
  const self = values['instance_discovery.instance_id'];
  const peers = values['instance_discovery.peer_endpoints'];
  const others = Object.keys(peers).filter((name) => name !== self);
  if (others.length === 0) return;
  if (values['dlm.type'] === 'local')
    refuse('dlm.type', 'local locks hold on one node alone, and instance_discovery.peer_endpoints names others; expected redis');
  if (values['metadata_store.type'] === 'sqlite')
    refuse(
      'metadata_store.type',
      'sqlite serves one node alone, and instance_discovery.peer_endpoints names others; expected postgres',
    );
  if (!isGiven('instance_discovery.instance_id'))
    warn('instance_discovery.instance_id', 'is the default; give each node of a cluster a name of its own');
  else if (peers[self] === undefined && values['server.external_url'] === undefined)
    warn(
      'instance_discovery.peer_endpoints',
      `does not name this node, ${self}, so that the others cannot reach it; add it, or correct instance_id`,
    );
  const seen = new Map<string, string>();
  for (const [name, url] of Object.entries(peers)) {
    const earlier = seen.get(url);
    if (earlier !== undefined)
      refuse('instance_discovery.peer_endpoints', `has the same address as ${earlier}; expected one for each node`, [name]);
    seen.set(url, name);
  }
}
